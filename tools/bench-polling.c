// SPDX-License-Identifier: GPL-2.0
/*
 * vhc-bench --polling: what it brings, and what it costs, that a worker polls while it waits.
 *
 * Owns the request and response that vhc-bench has a row of, too, and the table of what they do
 * without polling, with poll-us, and with polling that adapts: all of the time, and with a pause
 * after each that is nine times as long as it takes without polling.
 *
 * The three take turns. A round trip is measured from the request to the response, by the clock on
 * the wall, and so is their number in a second; what the workers spend on one is CPU time.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <json-c/json.h>
#include <sys/prctl.h>

#include "bench.h"
#include "frame.h"
#include "worker.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define PARAMETER "/sys/module/vhost_custom/parameters/poll_max_us"

enum { BUFFER = 2048, PATIENCE_MS = 10000, ROUNDS_MAX = 99, WARM_UP = 50, SECOND = 1000000000 };

/* ---- request and response ---- */

/**
 * echo_open() - set up both ends
 * @echo: filled.
 * @config: of the guest's port.
 * @len: of the frame.
 *
 * The guest does not want to know when its frame was sent.
 */
void echo_open(struct echo *echo, const struct vhc_port_config *config, size_t len)
{
	struct vhc_port *port = &echo->port;
	char *bytes;

	vhc_port_open(port, config);
	vhc_tap_attach(&port->tap, VHC_FRAME_PROTOCOL);
	echo->len = len;
	echo->request = vhc_mem_alloc_whole(&port->mem, BUFFER, 64);
	echo->response = vhc_mem_alloc_whole(&port->mem, BUFFER, 64);
	bytes = vhc_mem_host(&port->mem, echo->request);
	memset(bytes, 0, port->header_len);
	vhc_frame_build(bytes + port->header_len, len, VHC_TX, 0, false);
	vhc_port_start(port);
	vhc_driver_disable_call(&port->queue[VHC_TX].driver);
}

/**
 * echo_one() - a frame there and back; both ends sleep while they wait
 * @echo: the ends.
 *
 * As in a guest that has nothing else to do, RX signals are wanted before the request leaves. If
 * they were asked for later, whether there is one would depend on whose turn comes first.
 */
void echo_one(struct echo *echo)
{
	struct vhc_port *port = &echo->port;
	const struct vhc_seg in = { .addr = echo->response, .len = BUFFER };
	const struct vhc_seg out = { .addr = echo->request, .len = port->header_len + echo->len };
	struct pollfd far = { .fd = port->tap.sock, .events = POLLIN };
	struct virtio_net_hdr header;
	struct vhc_used used;
	char frame[BUFFER];
	ssize_t got;

	if (vhc_driver_add(&port->queue[VHC_RX].driver, &in, 0, 1, 1) < 0 ||
	    vhc_driver_add(&port->queue[VHC_TX].driver, &out, 1, 0, 1) < 0)
		vhc_fail("the ring is full");
	vhc_queue_publish(&port->queue[VHC_RX]);
	vhc_driver_enable_call_after(&port->queue[VHC_RX].driver, 1);
	vhc_queue_publish(&port->queue[VHC_TX]);
	if (poll(&far, 1, PATIENCE_MS) != 1)
		vhc_fail("%s: no request came out of the tap", port->dev.path);
	got = vhc_tap_receive(&port->tap, &header, frame, sizeof(frame));
	if (got < 0)
		vhc_fail("%s: request: %s", port->tap.name, strerror(-got));
	got = vhc_tap_send(&port->tap, &header, frame, got);
	if (got)
		vhc_fail("%s: response: %s", port->tap.name, strerror(-got));
	if (!vhc_queue_wait(&port->queue[VHC_RX], 1, PATIENCE_MS))
		vhc_fail("%s: no response came to the guest", port->dev.path);
	vhc_driver_take_used(&port->queue[VHC_RX].driver, &used);
	while (vhc_driver_take_used(&port->queue[VHC_TX].driver, &used))
		;
}

/**
 * echo_close() - undo echo_open()
 * @echo: the ends.
 */
void echo_close(struct echo *echo)
{
	vhc_port_close(&echo->port);
}

/* ---- with and without polling ---- */

enum mode { NONE, FIXED, ADAPTIVE, MODES };

static const char *const mode_names[MODES] = { "none", "poll-us", "adaptive" };

/**
 * struct result - a run
 * @rate: round trips in a second.
 * @latency: nanoseconds of one.
 * @cost: nanoseconds that the workers spent on one.
 */
struct result {
	double rate;
	double latency;
	double cost;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND + now.tv_nsec;
}

static void sleep_until(uint64_t ns)
{
	const struct timespec then = { .tv_sec = ns / SECOND, .tv_nsec = ns % SECOND };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &then, NULL) == EINTR)
		;
}

/* Returns false if there is none: vhost_net's polling does not adapt. */
static bool get_parameter(const char *device, unsigned int *value)
{
	FILE *in = fopen(PARAMETER, "re");
	struct vhc_dev dev;
	bool custom;

	vhc_open(&dev, device);
	custom = vhc_is_custom(&dev);
	vhc_close(&dev);
	if (!in)
		return false;
	custom = fscanf(in, "%u", value) == 1 && custom;
	fclose(in);
	return custom;
}

static void set_parameter(unsigned int value)
{
	FILE *out = fopen(PARAMETER, "we");

	if (!out || fprintf(out, "%u", value) < 0 || fclose(out))
		vhc_fail("%s: %s", PARAMETER, strerror(errno));
}

/* They have slept since, so that their account is up to date. */
static uint64_t workers_ns(void)
{
	struct vhc_workers workers;

	if (!vhc_workers_settle(&workers, PATIENCE_MS))
		vhc_fail("the workers do not come to rest");
	return workers.nanoseconds;
}

static struct result measure(const char *device, bool adapts, enum mode mode,
			     unsigned int poll_us, unsigned int count, uint64_t pause)
{
	const struct vhc_port_config config = {
		.device = device, .ring_size = 256,
		.features = VHC_F_EVENT_IDX | VHC_F_MRG_RXBUF | VHC_F_VERSION_1,
	};
	uint64_t worked, sent, ended, began = 0, trips = 0;
	struct result result;
	struct echo echo;
	unsigned int i;

	if (adapts)
		set_parameter(mode == ADAPTIVE ? poll_us : 0);
	echo_open(&echo, &config, VHC_FRAME_MIN);
	for (i = 0; i < VHC_QUEUES; i++)
		vhc_set_vring_busyloop_timeout(&echo.port.dev, i, mode == FIXED ? poll_us : 0);
	worked = workers_ns();
	ended = now_ns();
	for (i = 0; i < WARM_UP + count; i++) {
		if (i == WARM_UP) {
			began = ended;
			trips = 0;
		}
		if (pause)
			sleep_until(ended + pause);
		sent = now_ns();
		echo_one(&echo);
		ended = now_ns();
		trips += ended - sent;
	}
	result.rate = (double)count * SECOND / (ended - began);
	result.latency = (double)trips / count;
	result.cost = (double)(workers_ns() - worked) / (WARM_UP + count);
	echo_close(&echo);
	return result;
}

static int by_value(const void *a, const void *b)
{
	const double one = *(const double *)a, two = *(const double *)b;

	return (one > two) - (one < two);
}

/* Each figure's own median. */
static struct result median(const struct result *results, unsigned int count)
{
	double rate[ROUNDS_MAX], latency[ROUNDS_MAX], cost[ROUNDS_MAX];
	unsigned int i;

	for (i = 0; i < count; i++) {
		rate[i] = results[i].rate;
		latency[i] = results[i].latency;
		cost[i] = results[i].cost;
	}
	qsort(rate, count, sizeof(*rate), by_value);
	qsort(latency, count, sizeof(*latency), by_value);
	qsort(cost, count, sizeof(*cost), by_value);
	return (struct result) { rate[count / 2], latency[count / 2], cost[count / 2] };
}

static struct json_object *to_json(unsigned int duty, enum mode mode, const struct result *result)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "duty", json_object_new_int(duty));
	json_object_object_add(object, "polling", json_object_new_string(mode_names[mode]));
	json_object_object_add(object, "rate", json_object_new_double(result->rate));
	json_object_object_add(object, "latency", json_object_new_double(result->latency));
	json_object_object_add(object, "worker", json_object_new_double(result->cost));
	return object;
}

static void print_duty(unsigned int duty, unsigned int poll_us, unsigned int modes,
		       const struct result *results)
{
	const struct result *fixed = &results[FIXED];
	unsigned int mode;

	for (mode = 0; mode < modes; mode++) {
		const struct result *result = &results[mode];
		char name[32];

		snprintf(name, sizeof(name), mode == NONE ? "%s" : "%s %u", mode_names[mode],
			 poll_us);
		printf("%3u %%  %-14s %9.0f %9.1f %9.1f %6.1f %9.2f %6.2f\n", duty, name,
		       result->rate, result->latency / 1000, result->cost / 1000,
		       100 * result->cost * result->rate / SECOND, result->rate / fixed->rate,
		       result->cost / fixed->cost);
	}
	fflush(stdout);
}

/**
 * bench_polling() - measure, and print
 * @device: a /dev/vhost-custom; or another one, whose polling does not adapt.
 * @rounds: turns of each way to poll, at most %ROUNDS_MAX.
 * @count: round trips of a run.
 * @poll_us: the time of poll-us, and the most of polling that adapts.
 * @json: instead of a table.
 * @quiet: no progress on stderr.
 */
void bench_polling(const char *device, unsigned int rounds, unsigned int count,
		   unsigned int poll_us, bool json, bool quiet)
{
	static const unsigned int duties[] = { 100, 10 };
	struct json_object *all = json_object_new_array();
	unsigned int before = 0;
	const bool adapts = get_parameter(device, &before);
	const unsigned int modes = adapts ? MODES : ADAPTIVE;
	static struct result results[MODES][ROUNDS_MAX];
	struct result medians[MODES];
	unsigned int duty, round, mode;
	uint64_t pause = 0;

	/* The pause is to end when it does. */
	prctl(PR_SET_TIMERSLACK, 1);
	if (!json)
		printf("duty   polling          trips/s   us/trip worker-us   CPU%%  trips/s: worker:\n");
	for (duty = 0; duty < ARRAY_SIZE(duties); duty++) {
		for (round = 0; round < rounds; round++)
			for (mode = 0; mode < modes; mode++) {
				if (!quiet)
					fprintf(stderr, "\r\033[K%u %% duty, round %u of %u: %s",
						duties[duty], round + 1, rounds, mode_names[mode]);
				results[mode][round] = measure(device, adapts, mode, poll_us,
							       count, pause);
			}
		if (!quiet)
			fprintf(stderr, "\r\033[K");
		for (mode = 0; mode < modes; mode++) {
			medians[mode] = median(results[mode], rounds);
			json_object_array_add(all, to_json(duties[duty], mode, &medians[mode]));
		}
		if (!json)
			print_duty(duties[duty], poll_us, modes, medians);
		/* Of the next ones. */
		pause = 9 * medians[NONE].latency;
	}
	if (json)
		puts(json_object_to_json_string_ext(all, JSON_C_TO_STRING_PRETTY));
	json_object_put(all);
	if (adapts)
		set_parameter(before);
}
