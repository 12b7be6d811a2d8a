"""Owns the marker's directory, and puts everything it can think of in the way, as fast as it can.

Usage: attacker.py UID|- DIRECTORY VICTIM... ; ends when its standard input does, and prints how often
it has struck. Victims are files and directories that it points at.
"""

import itertools
import os
import select
import socket
import sys

user, directory, victims = sys.argv[1], sys.argv[2], sys.argv[3:]
if user != "-":
    os.setgroups([])
    os.setresgid(int(user), int(user), int(user))
    os.setresuid(int(user), int(user), int(user))
os.chdir(directory)
itself = os.open(".", os.O_RDONLY | os.O_DIRECTORY)

NAMES = ["insync", ".insync.new", ".insync.moved-0", ".insync.moved-1"]


def clear(name):
    try:
        os.unlink(name)
    except IsADirectoryError:
        for entry in os.listdir(name):
            os.unlink(os.path.join(name, entry))
        os.rmdir(name)


def link(name, victim):
    os.symlink(victim, name)


def hard_link(name, victim):
    os.link(victim, name, follow_symlinks=False)


def empty_directory(name, _):
    os.mkdir(name)


def full_directory(name, victim):
    os.mkdir(name)
    os.symlink(victim, os.path.join(name, "link"))


def fifo(name, _):
    os.mkfifo(name)


def listening_socket(name, _):
    with socket.socket(socket.AF_UNIX) as each:
        each.bind(name)


def forged_marker(name, _):
    # A FIFO of our own may stand there: to open it would wait for a reader.
    flags = os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK | os.O_NOFOLLOW
    file = os.open(name, flags, 0o644)
    os.write(file, b"verdict: in-sync\nboot_id: 11111111-2222-3333-4444-555555555555\n")
    os.close(file)


def swapped_link(name, victim):
    """Replaced in one step: there is never a moment without."""
    os.symlink(victim, ".swap")
    os.rename(".swap", name)


def closed(_, __):
    os.fchmod(itself, 0)
    os.fchmod(itself, 0o777)


WAYS = [
    link,
    hard_link,
    empty_directory,
    full_directory,
    fifo,
    listening_socket,
    forged_marker,
    swapped_link,
    closed,
]

struck = 0
# Lengths without a common divisor: every way meets every name and every victim.
for turn, way, name, victim in zip(
    itertools.count(),
    itertools.cycle(WAYS),
    itertools.cycle(NAMES + NAMES[:1]),
    itertools.cycle(victims + victims[:1]),
):
    # The program, too, removes and renames what is here, at any moment.
    for deed in (lambda: clear(name), lambda: way(name, victim)):
        try:
            deed()
        except OSError:
            continue
        struck += 1
    if turn % 64 == 0 and select.select([sys.stdin], [], [], 0)[0]:
        break
print(struck)
