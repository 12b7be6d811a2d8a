/*
 * A simulated network card's clock, and a simulated system clock for those who steer it.
 *
 * Preloaded into ptp4l and phc2sys (and conmon, for its time stamps): /dev/ptp0 is answered for,
 * and whatever they would do to CLOCK_REALTIME happens to a number in this file. The real servos
 * run and print real lines; no clock of this machine is touched.
 *
 * Real calls go straight to the kernel, so that the library fits any C library.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/ptp_clock.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL
#define DEVICE "/dev/ptp0"
/* Written by the stage while we run; the layout is that of stage/pod.py. */
#define KNOBS "/stage/knobs"

struct knobs {
	int64_t card_offset_ns; /* how far the card is from true time: a change is a step */
	int64_t wall_shift_ns;  /* how far the wall clock is, for those who only read it */
};

/* How far a clock that runs free is from true time, and how fast it goes. */
struct simulated {
	double offset_ns;
	double drift_ppb;
	double adjusted_ppb;
	int64_t updated_ns;
};

/* A crystal that is 12 ppm slow, and can be slewed by 50 ppm: 1 ms takes 20 s to mend, which
 * leaves time to look at it. */
static struct simulated system_clock = { .drift_ppb = -12000 };
static const int SLEW_MAX_PPM = 50;

static volatile const struct knobs *knobs;
static int device = -1;

__attribute__((constructor)) static void find_knobs(void)
{
	int fd = syscall(SYS_openat, AT_FDCWD, KNOBS, O_RDONLY | O_CLOEXEC, 0);
	void *map = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *knobs, PROT_READ, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED) {
		static const char text[] = "clock.so: cannot map " KNOBS "\n";
		(void)!write(STDERR_FILENO, text, sizeof text - 1);
		_exit(1);
	}
	knobs = map;
	close(fd);
}

static int64_t now(clockid_t id)
{
	struct timespec time;

	syscall(SYS_clock_gettime, id, &time);
	return time.tv_sec * SECOND + time.tv_nsec;
}

static struct timespec split(int64_t ns)
{
	return (struct timespec){ ns / SECOND, ns % SECOND };
}

static struct ptp_clock_time split_ptp(int64_t ns)
{
	return (struct ptp_clock_time){ .sec = ns / SECOND, .nsec = ns % SECOND };
}

static int is_card(clockid_t id)
{
	/* FD_TO_CLOCKID of clock_getres(2) */
	return device >= 0 && id == (clockid_t)(~(unsigned)device << 3 | 3);
}

/* Runs the system clock on to this moment. */
static struct simulated *current(void)
{
	struct simulated *clock = &system_clock;
	int64_t time = now(CLOCK_MONOTONIC_RAW);

	if (clock->updated_ns)
		clock->offset_ns += (clock->drift_ppb + clock->adjusted_ppb) / 1e9 *
				    (time - clock->updated_ns);
	clock->updated_ns = time;
	return clock;
}

/* What reading a card over its bus adds: up to 100 ns either way. */
static int64_t noise(void)
{
	static uint32_t state = 1;

	state = state * 1664525 + 1013904223;
	return (int64_t)(state >> 16) % 201 - 100;
}

int open(const char *path, int flags, ...)
{
	va_list more;
	mode_t mode;
	int is_device = !strcmp(path, DEVICE);
	int fd;

	va_start(more, flags);
	mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;
	va_end(more);
	fd = syscall(SYS_openat, AT_FDCWD, is_device ? "/dev/null" : path, flags, mode);
	if (is_device)
		device = fd;
	return fd;
}

/* The system clock, the card and the system clock again, as if read one after another. */
static void compare(int64_t time, int i, int64_t *before, int64_t *card, int64_t *after)
{
	int64_t reading = time + i * 1000;

	*before = reading + (int64_t)current()->offset_ns;
	*card = reading + 250 + knobs->card_offset_ns + noise();
	*after = *before + 500;
}

int ioctl(int fd, unsigned long request, ...)
{
	int64_t before, reading, after, time = now(CLOCK_REALTIME);
	va_list more;
	void *argument;

	va_start(more, request);
	argument = va_arg(more, void *);
	va_end(more);
	if (fd != device || device < 0)
		return syscall(SYS_ioctl, fd, request, argument);
	if (request == PTP_CLOCK_GETCAPS) {
		memset(argument, 0, sizeof(struct ptp_clock_caps));
		((struct ptp_clock_caps *)argument)->max_adj = 100000000;
		return 0;
	}
	if (request == PTP_SYS_OFFSET_EXTENDED) {
		struct ptp_sys_offset_extended *readings = argument;

		for (unsigned i = 0; i < readings->n_samples; i++) {
			compare(time, i, &before, &reading, &after);
			readings->ts[i][0] = split_ptp(before);
			readings->ts[i][1] = split_ptp(reading);
			readings->ts[i][2] = split_ptp(after);
		}
		return 0;
	}
	errno = EOPNOTSUPP;
	return -1;
}

int clock_gettime(clockid_t id, struct timespec *time)
{
	if (is_card(id))
		*time = split(now(CLOCK_REALTIME) + knobs->card_offset_ns);
	else if (id == CLOCK_REALTIME)
		*time = split(now(id) + knobs->wall_shift_ns);
	else
		return syscall(SYS_clock_gettime, id, time);
	return 0;
}

/* Nobody here sets a clock outright; who tries is told that it cannot be done. */
int clock_settime(clockid_t id, const struct timespec *time)
{
	(void)id, (void)time;
	errno = EPERM;
	return -1;
}

int clock_adjtime(clockid_t id, struct timex *change)
{
	struct simulated *clock;

	if (is_card(id)) {
		/* ptp4l would steer it; here the card is right, but for the knob. */
		change->freq = 0;
		return TIME_OK;
	}
	if (id != CLOCK_REALTIME) {
		errno = EOPNOTSUPP;
		return -1;
	}
	clock = current();
	if (change->modes & ADJ_SETOFFSET)
		clock->offset_ns += (double)change->time.tv_sec * SECOND +
				    change->time.tv_usec * (change->modes & ADJ_NANO ? 1. : 1e3);
	if (change->modes & ADJ_FREQUENCY) {
		clock->adjusted_ppb = change->freq / 65.536;
		/* A tick more or less of 10 ms is 100 ppm. */
		if (change->modes & ADJ_TICK)
			clock->adjusted_ppb += (change->tick - 10000) * 1e5;
	}
	change->freq = (long)(clock->adjusted_ppb * 65.536);
	change->tick = 10000;
	change->tolerance = SLEW_MAX_PPM << 16;
	return TIME_OK;
}

int adjtimex(struct timex *change)
{
	return clock_adjtime(CLOCK_REALTIME, change);
}
