"""The account of a run: each scene with its steps, the seconds each took, and how it ended."""

import time


class Account:
    def __init__(self):
        self.began = time.monotonic()
        self.results = {}
        self.scene = None
        self.open_step = None

    def begin(self, scene):
        print(f"\n{scene.name}: {scene.title}", flush=True)
        self.scene = scene
        self.scene_began = time.monotonic()

    def step(self, text):
        """The step before ends where the next one begins."""
        self.close_step()
        self.open_step = (text, time.monotonic())

    def close_step(self):
        if self.open_step:
            text, began = self.open_step
            print(f"  {time.monotonic() - began:5.1f} s  {text}", flush=True)
        self.open_step = None

    def end(self, failure=None):
        self.close_step()
        self.results[self.scene.name] = failure is None
        took = time.monotonic() - self.scene_began
        if failure is None:
            print(f"  ok, {took:.1f} s", flush=True)
        else:
            print(f"  FAILED after {took:.1f} s")
            print("\n".join(f"    {line}" for line in str(failure).splitlines()), flush=True)

    def close(self, planned):
        """Prints the last lines, and tells whether all is well."""
        red = [name for name, is_green in self.results.items() if not is_green]
        left = planned - len(self.results)
        took = time.monotonic() - self.began
        print(f"\n{len(self.results) - len(red)} of {planned} scenes ok, {took:.0f} s")
        if red:
            print(f"red: {' '.join(red)}")
        if left:
            print(f"not played: {left}")
        return not red and not left
