// SPDX-License-Identifier: GPL-2.0
/*
 * Watches an attack: both devices are looked at in the same way, from outside; what only
 * /dev/vhost-custom has, its counters, comes on top.
 *
 * Callers: hostile-test.c, and attacks that wait for something.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "frame.h"
#include "neighbour.h"
#include "sight.h"
#include "worker.h"

enum {
	LOOK_MS = 3,
	/* Nothing here keeps a worker busy for so long, but one that spins. */
	SPIN_NS = 300 * 1000 * 1000,
	RX_TRIES = 16,
};

static void stage(struct hostile *hostile, const char *name)
{
	snprintf(hostile->sight->stage, sizeof(hostile->sight->stage), "%s", name);
}

static bool thread_sleeps(const char *tid)
{
	char path[64], text[256] = "";
	const char *state;
	FILE *in;

	snprintf(path, sizeof(path), "/proc/self/task/%.16s/stat", tid);
	in = fopen(path, "re");
	if (!in)
		return true;	/* gone by now */
	state = fgets(text, sizeof(text), in) ? strrchr(text, ')') : NULL;
	fclose(in);
	return state && !strncmp(state, ") S", 3);
}

/* Another thread of ours may be about to answer a device's question, which wakes a worker. */
static bool others_sleep(void)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *entry;
	bool sleep = true;

	assert_non_null(tasks);
	while (sleep && (entry = readdir(tasks)))
		if (entry->d_name[0] != '.' && atoi(entry->d_name) != gettid())
			sleep = thread_sleeps(entry->d_name);
	closedir(tasks);
	return sleep;
}

/**
 * sight_wait() - wait until something came, or will never come
 * @hostile: the queue.
 * @came: did it? NULL: there is nothing to come but rest.
 *
 * It never will if all workers sleep and none of them ran meanwhile, as nobody else is there to
 * wake them; or if they run and run. A worker sleeps for good as in vhc_workers_settle().
 *
 * Return: true if it came.
 */
bool sight_wait(struct hostile *hostile, bool (*came)(struct hostile *hostile))
{
	struct vhc_workers first, last, now;
	unsigned int waited;

	vhc_workers_read(&first);
	last = first;
	for (waited = 0; waited < RIG_PATIENCE_MS; waited += LOOK_MS) {
		if (came && came(hostile))
			return true;
		poll(NULL, 0, LOOK_MS);
		vhc_workers_read(&now);
		/* One that ends, of a device that was closed, takes its time with it. */
		if (now.count != first.count)
			first = now;
		if (!now.awake && !last.awake && now.runs == last.runs &&
		    (!hostile->attack->iommu || others_sleep()))
			return came && came(hostile);
		if (now.nanoseconds - first.nanoseconds > SPIN_NS)
			break;
		last = now;
	}
	if (!hostile->sight->spins)
		strcpy(hostile->sight->where, hostile->sight->stage);
	hostile->sight->spins = true;
	return came && came(hostile);
}

/* ---- good chains ---- */

static bool tx_came(struct hostile *hostile)
{
	struct virtio_net_hdr header;
	char frame[2048];
	uint64_t number;
	ssize_t len;

	for (;;) {
		len = vhc_tap_receive(&hostile->rig.port.tap, &header, frame, sizeof(frame));
		if (len < 0)
			return false;
		/* Others may be of the attack. */
		if (!vhc_frame_check(frame, len, VHC_TX, false, &number) &&
		    number == hostile->number)
			return true;
	}
}

static void kick(struct hostile *hostile, unsigned int index)
{
	struct vhc_queue *queue = &hostile->rig.port.queue[index];

	if (!vhc_queue_publish(queue) && hostile->attack->kick)
		vhc_queue_kick(queue);
}

static void take_all(struct hostile *hostile, unsigned int index)
{
	struct vhc_driver *driver = rig_driver(&hostile->rig, index);
	struct vhc_used used;
	int ret;

	while ((ret = vhc_driver_take_used(driver, &used)) > 0)
		;
	if (ret)
		hostile->sight->nonsense = true;
}

static bool tx_works(struct hostile *hostile)
{
	struct vhc_driver *driver = rig_driver(&hostile->rig, VHC_TX);
	struct vhc_seg seg;

	seg = rig_tx_seg(&hostile->rig, ++hostile->number);
	take_all(hostile, VHC_TX);
	if (vhc_driver_add(driver, &seg, 1, 0, hostile->number) < 0)
		return false;
	kick(hostile, VHC_TX);
	return sight_wait(hostile, tx_came);
}

static bool rx_is_used(struct hostile *hostile)
{
	struct vhc_driver *driver = rig_driver(&hostile->rig, VHC_RX);

	return (uint16_t)(vhc_driver_used_idx(driver) - driver->last_used) || driver->error;
}

/* Takes what came; 1 if it is the frame of this number, 0 if another one, -1 if there was none. */
static int rx_take(struct hostile *hostile, uint64_t want)
{
	const unsigned int header_len = hostile->rig.port.header_len;
	char bytes[HOSTILE_RX_LEN];
	struct vhc_used used;
	uint64_t number;
	int ret = vhc_driver_take_used(rig_driver(&hostile->rig, VHC_RX), &used);

	if (ret < 0)
		hostile->sight->nonsense = true;
	if (ret <= 0)
		return -1;
	if (used.cookie != hostile->buffer || used.len < header_len + VHC_FRAME_MIN ||
	    used.len > sizeof(bytes))
		return 0;
	vhc_mem_read(&hostile->rig.port.mem, hostile->buffer, bytes, used.len);
	return !vhc_frame_check(bytes + header_len, used.len - header_len, VHC_RX, false,
				&number) && number == want;
}

/* Frames that came before, while there was no buffer, come first. */
static bool rx_works(struct hostile *hostile)
{
	struct vhc_driver *driver = rig_driver(&hostile->rig, VHC_RX);
	const struct vhc_seg seg = { .addr = hostile->buffer, .len = HOSTILE_RX_LEN };
	uint64_t want = ++hostile->number;
	unsigned int i;
	int ret;

	take_all(hostile, VHC_RX);
	for (i = 0; i < RX_TRIES; i++) {
		if (vhc_driver_add(driver, &seg, 0, 1, hostile->buffer) < 0)
			return false;
		kick(hostile, VHC_RX);
		if (!i)
			rig_send_rx(&hostile->rig, want, 100);
		if (!sight_wait(hostile, rx_is_used))
			return false;
		while (!(ret = rx_take(hostile, want)))
			;
		if (ret > 0)
			return true;
	}
	return false;
}

/**
 * sight_works() - does a queue work?
 * @hostile: the queue, and the other one.
 * @index: VHC_RX or VHC_TX.
 *
 * Return: true if the next good chain does its work.
 */
bool sight_works(struct hostile *hostile, unsigned int index)
{
	return index == VHC_TX ? tx_works(hostile) : rx_works(hostile);
}

/* ---- the attack ---- */

static unsigned int came_back(struct hostile *hostile)
{
	return (uint16_t)(vhc_driver_used_idx(hostile->driver) - hostile->before);
}

static bool all_back(struct hostile *hostile)
{
	return came_back(hostile) >= hostile->attack->chains;
}

static void do_it(struct hostile *hostile)
{
	const struct attack *attack = hostile->attack;

	hostile->before = vhc_driver_used_idx(hostile->driver);
	if (attack->apply) {
		attack->apply(hostile);
		return;
	}
	attack->add(hostile);
	vhc_queue_publish(hostile_queue(hostile));
	if (attack->index == VHC_RX)
		hostile_send_rx(hostile);
}

static uint64_t signals(struct hostile *hostile)
{
	return vhc_eventfd_read(hostile->rig.port.queue[VHC_RX].err) +
	       vhc_eventfd_read(hostile->rig.port.queue[VHC_TX].err);
}

static uint64_t faults(struct hostile *hostile, unsigned int reason)
{
	if (!hostile->rig.variant->custom)
		return 0;
	return hostile_bad_count(hostile, VHC_RX, reason) +
	       hostile_bad_count(hostile, VHC_TX, reason);
}

/* What came back, and what was said of it. */
static void look(struct hostile *hostile)
{
	const struct attack *attack = hostile->attack;
	struct sight *sight = hostile->sight;
	struct vhc_used used;
	int ret;

	sight->errors = signals(hostile);
	sight->counted = faults(hostile, ANY_REASON);
	sight->reason = faults(hostile, attack->reason);
	/* What the attack made of the rings is its affair. */
	if (attack->outcome == RUINED)
		return;
	sight->back = came_back(hostile);
	while ((ret = vhc_driver_take_used(hostile->driver, &used)) > 0)
		if (used.len > sight->len && attack->chains)
			sight->len = used.len;
	sight->nonsense |= ret < 0;
}

/* The frames that came while there were no buffers would come first. */
static void drain(struct hostile *hostile)
{
	const struct vhc_seg seg = { .addr = hostile->buffer, .len = HOSTILE_RX_LEN };
	struct vhc_driver *driver = rig_driver(&hostile->rig, VHC_RX);
	unsigned int came;

	do {
		rig_reset_queue(&hostile->rig, VHC_RX);
		while (vhc_driver_add(driver, &seg, 0, 1, 0) >= 0)
			;
		vhc_driver_publish(driver);
		vhc_queue_kick(&hostile->rig.port.queue[VHC_RX]);
		sight_wait(hostile, NULL);
		came = (uint16_t)(vhc_driver_used_idx(driver) - driver->last_used);
	} while (came == driver->num);
	rig_reset_queue(&hostile->rig, VHC_RX);
}

static bool reset_works(struct hostile *hostile)
{
	const unsigned int other = hostile->attack->index == VHC_TX ? VHC_RX : VHC_TX;

	rig_reset_queue(&hostile->rig, hostile->attack->index);
	if (hostile->attack->outcome == RUINED) {
		rig_reset_queue(&hostile->rig, other);
		drain(hostile);
	}
	return sight_works(hostile, hostile->attack->index) && sight_works(hostile, other);
}

/**
 * sight_watch() - do it, and look
 * @hostile: filled, but for its sight.
 * @variant: the device and the features.
 *
 * Does not return, or not for long, if the device is stuck.
 */
void sight_watch(struct hostile *hostile, const struct variant *variant)
{
	const struct attack *attack = variant->about;
	const unsigned int other = attack->index == VHC_TX ? VHC_RX : VHC_TX;
	struct sight *sight = hostile->sight;

	stage(hostile, "set-up");
	hostile_open_sized(hostile, variant, attack->index, attack->ring_size);
	assert_true(sight_works(hostile, VHC_RX));
	assert_true(sight_works(hostile, VHC_TX));
	take_all(hostile, VHC_TX);
	rig_settle();

	stage(hostile, "the attack");
	do_it(hostile);
	sight_wait(hostile, NULL);
	if (attack->chains)
		sight_wait(hostile, all_back);
	look(hostile);

	if (attack->repair) {
		stage(hostile, "the repair");
		attack->repair(hostile);
	}
	stage(hostile, "the next chain");
	sight->next = attack->outcome == RUINED || sight_works(hostile, attack->index);
	stage(hostile, "the other queue");
	sight->other = attack->outcome == RUINED || sight_works(hostile, other);
	stage(hostile, "another device");
	sight->neighbour = neighbour_works(variant->custom);
	stage(hostile, "a reset");
	sight->reset = reset_works(hostile);
	stage(hostile, "rest");
	sight_wait(hostile, NULL);
	stage(hostile, "close");
	vhc_port_close(&hostile->rig.port);
	sight->done = true;
}

/**
 * sight_is_early() - was nothing of the attack over yet?
 * @sight: what was seen.
 *
 * Return: true if so.
 */
bool sight_is_early(const struct sight *sight)
{
	return !*sight->stage || !strcmp(sight->stage, "set-up") ||
	       !strcmp(sight->stage, "the attack");
}

/* ---- in words ---- */

static const char *result_name(int result)
{
	const char *name = strerrorname_np(-result);

	return !result ? "success" : name ? name : "no error that there is";
}

/**
 * sight_says() - note something that should not be
 * @hostile: the queue.
 * @what: it; the first one counts.
 */
void sight_says(struct hostile *hostile, const char *what)
{
	char *answer = hostile->sight->answer;

	if (!*answer)
		snprintf(answer, SIGHT_TEXT, "%s", what);
}

/**
 * sight_answer() - note what an ioctl answered, if it is not what it should
 * @hostile: the queue.
 * @what: which ioctl.
 * @got: 0 or -errno.
 * @want: what it should have.
 */
void sight_answer(struct hostile *hostile, const char *what, int got, int want)
{
	char text[SIGHT_TEXT];

	if (got == want)
		return;
	snprintf(text, sizeof(text), "%s: %s, not %s", what, result_name(got),
		 result_name(want));
	sight_says(hostile, text);
}

struct words {
	char *text;
	size_t len;
};

static void __attribute__((format(printf, 2, 3))) say(struct words *words, const char *format, ...)
{
	size_t left = SIGHT_TEXT - words->len;
	va_list args;
	int len;

	va_start(args, format);
	len = snprintf(words->text + words->len, left, words->len ? ", " : "");
	len += vsnprintf(words->text + words->len + len, left - len, format, args);
	va_end(args);
	words->len += len < (int)left ? len : (int)left - 1;
}

static void say_counts(struct words *words, const struct sight *sight,
		       const struct variant *variant)
{
	const struct attack *attack = variant->about;
	const bool told = attack->outcome == REFUSED || attack->outcome == SKIPPED;

	if (told && !sight->errors)
		say(words, "not reported");
	if (attack->outcome == IGNORED && sight->errors)
		say(words, "reported as an error");
	if (!variant->custom)
		return;
	if (told && sight->errors > 1)
		say(words, "reported %" PRIu64 " times", sight->errors);
	if (told && sight->counted != 1)
		say(words, "counted %" PRIu64 " times", sight->counted);
	else if (told && !sight->reason)
		say(words, "counted by another reason");
	if (attack->outcome == IGNORED && sight->counted)
		say(words, "counted as an error");
	if (!told && attack->chains && sight->errors != sight->counted)
		say(words, "counted %" PRIu64 ", reported %" PRIu64 " times", sight->counted,
		    sight->errors);
}

static void say_chains(struct words *words, const struct sight *sight,
		       const struct attack *attack)
{
	if (attack->chains && sight->back < attack->chains && (sight->next || sight->back))
		say(words, "%u of %u chains lost", attack->chains - sight->back, attack->chains);
	if (attack->outcome == SKIPPED && sight->back)
		say(words, "%u chains come back", sight->back);
	if (sight->len)
		say(words, "a chain comes back with length %u", sight->len);
	if (sight->nonsense)
		say(words, "what comes back is nonsense");
}

/**
 * sight_tell() - what was seen, in words
 * @sight: it.
 * @variant: the device, and the attack.
 * @text: filled; %SIGHT_TEXT bytes. "contained" if nothing is wrong.
 */
void sight_tell(const struct sight *sight, const struct variant *variant, char *text)
{
	struct words words = { .text = text };

	*text = '\0';
	if (*sight->answer)
		say(&words, "%s", sight->answer);
	if (sight->spins)
		say(&words, "the worker spins");
	if (sight->spins && variant->custom)
		say(&words, "first in %s", sight->where);
	if (!sight->done) {
		say(&words, "stuck in %s", sight->stage);
		return;
	}
	say_counts(&words, sight, variant);
	say_chains(&words, sight, variant->about);
	if (!sight->next)
		say(&words, "the queue is dead%s", sight->reset ? " until it is reset" : "");
	if (!sight->other)
		say(&words, "the other queue is dead");
	if (!sight->neighbour)
		say(&words, "another device is dead");
	if (!sight->reset)
		say(&words, "a reset does not help");
	if (!words.len)
		say(&words, "contained");
}
