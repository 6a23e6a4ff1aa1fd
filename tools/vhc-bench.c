// SPDX-License-Identifier: GPL-2.0
/*
 * vhc-bench: what a frame costs on vhost devices, side by side.
 *
 * Owns the command line, the rows, and the table; the traffic is libvhc's. The devices take
 * turns, in several rounds, so that what changes meanwhile changes for all. The cost is the CPU
 * time of everybody but the driver: work that a device moves to another thread is not free.
 * Under an emulator's deterministic clock (tests/vm/run --icount) a nanosecond is an instruction.
 */
#include <argp.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <json-c/json.h>

#include "traffic.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

const char *argp_program_version = "vhc-bench 1.0";

enum { DEVICES_MAX = 4, ROUNDS_MAX = 99, OPT_JSON = 256, OPT_LIST };

/**
 * struct row - a way to send frames
 * @name: what it is called; stable, for --row and for JSON.
 * @directions: bits of VHC_x.
 * @size: bytes of a frame; from 10000 on they ask for segmentation.
 * @segments: descriptors of a chain; 0 means 1.
 * @indirect: they are in an indirect table.
 * @window: frames on their way; 0 means 256.
 * @ring_size: entries; 0 means 256.
 * @regions: of guest memory; 0 means 1.
 * @iommu: translations at a time, behind an IOMMU.
 */
struct row {
	const char *name;
	unsigned int directions;
	size_t size;
	unsigned int segments;
	bool indirect;
	unsigned int window;
	unsigned int ring_size;
	unsigned int regions;
	unsigned int iommu;
};

enum { RX = 1 << VHC_RX, TX = 1 << VHC_TX };

static const struct row rows[] = {
	{ .name = "tx-64", .directions = TX, .size = 64 },
	{ .name = "tx-64-two-descriptors", .directions = TX, .size = 64, .segments = 2 },
	{ .name = "tx-64-indirect", .directions = TX, .size = 64, .segments = 2, .indirect = true },
	{ .name = "tx-1500", .directions = TX, .size = 1500 },
	{ .name = "tx-60000", .directions = TX, .size = 60000 },
	{ .name = "tx-60000-indirect", .directions = TX, .size = 60000, .segments = 18,
	  .indirect = true },
	{ .name = "rx-64", .directions = RX, .size = 64 },
	{ .name = "rx-1500", .directions = RX, .size = 1500 },
	{ .name = "rx-60000", .directions = RX, .size = 60000 },
	{ .name = "tx-64-one-outstanding", .directions = TX, .size = 64, .window = 1 },
	{ .name = "tx-1500-4-descriptors", .directions = TX, .size = 1500, .segments = 4 },
	{ .name = "tx-1500-16-descriptors", .directions = TX, .size = 1500, .segments = 16 },
	{ .name = "tx-64-ring-32768", .directions = TX, .size = 64, .ring_size = 32768 },
	{ .name = "rx-64-ring-32768", .directions = RX, .size = 64, .ring_size = 32768 },
	{ .name = "tx-64-64-regions", .directions = TX, .size = 64, .regions = 64 },
	{ .name = "rx-64-64-regions", .directions = RX, .size = 64, .regions = 64 },
	{ .name = "tx-64-iommu", .directions = TX, .size = 64, .iommu = 4096 },
	{ .name = "rx-64-iommu", .directions = RX, .size = 64, .iommu = 4096 },
};

struct options {
	const char *device[DEVICES_MAX];
	unsigned int devices;
	unsigned int rounds;
	unsigned int count;
	const char *pattern;
	bool json;
	bool quiet;
};

/* What one run of a row gave, of each frame. */
struct sample {
	double cost;
	double worker;
	double kicks;
	double signals;
};

static const struct argp_option option_list[] = {
	{ "device", 'd', "PATH", 0,
	  "A device; may be given several times (/dev/vhost-net and /dev/vhost-custom)", 0 },
	{ "rounds", 'n', "N", 0, "Runs of each row on each device (3)", 0 },
	{ "count", 'c', "N", 0, "Frames of a run (20000, of large ones a tenth)", 0 },
	{ "row", 'r', "PATTERN", 0, "Rows of such names only, as in tx-*", 0 },
	{ "list", OPT_LIST, NULL, 0, "Print the rows' names", 0 },
	{ "json", OPT_JSON, NULL, 0, "Print JSON", 0 },
	{ "quiet", 'q', NULL, 0, "No progress on stderr", 0 },
	{ NULL, 0, NULL, 0, NULL, 0 }
};

static unsigned int number(const char *text, unsigned int max, struct argp_state *state)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*end || !value || value > max)
		argp_error(state, "\"%s\" is not a number from 1 to %u", text, max);
	return value;
}

static void list_rows(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		puts(rows[i].name);
	exit(0);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case 'd':
		if (options->devices == DEVICES_MAX)
			argp_error(state, "more than %d devices", DEVICES_MAX);
		options->device[options->devices++] = arg;
		return 0;
	case 'n':
		options->rounds = number(arg, ROUNDS_MAX, state);
		return 0;
	case 'c':
		options->count = number(arg, 100000000, state);
		return 0;
	case 'r':
		options->pattern = arg;
		return 0;
	case 'q':
		options->quiet = true;
		return 0;
	case OPT_JSON:
		options->json = true;
		return 0;
	case OPT_LIST:
		list_rows();
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Nanoseconds that all tasks ran on all CPUs, without what runs just now. */
static uint64_t all_ns(void)
{
	unsigned long long ns, sum = 0;
	FILE *in = fopen("/proc/schedstat", "re");
	char line[1024];

	if (!in)
		vhc_fail("/proc/schedstat cannot be read: the kernel lacks CONFIG_SCHEDSTATS");
	while (fgets(line, sizeof(line), in))
		if (sscanf(line, "cpu%*u %*u %*u %*u %*u %*u %*u %llu", &ns) == 1)
			sum += ns;
	fclose(in);
	return sum;
}

static uint64_t own_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

/* The CPU time of everybody else; a pause brings this thread's account up to date. */
static uint64_t others_ns(void)
{
	poll(NULL, 0, 2);
	return all_ns() - own_ns();
}

static void set_up_port(struct vhc_port_config *port, const struct row *row, const char *device)
{
	port->device = device;
	port->features = VHC_F_EVENT_IDX | VHC_F_INDIRECT | VHC_F_MRG_RXBUF | VHC_F_VERSION_1;
	port->ring_size = row->ring_size ? row->ring_size : 256;
	port->regions = row->regions;
	port->iommu = row->iommu;
	if (row->iommu)
		port->features |= VHC_F_ACCESS_PLATFORM;
}

static struct sample run(const struct options *options, const struct row *row, const char *device)
{
	struct vhc_traffic_config config = {
		.directions = row->directions,
		.min = row->size,
		.max = row->size,
		.gso = row->size > 10000,
		.segments = row->segments ? row->segments : 1,
		.indirect = row->indirect,
		.window = row->window,
		.measure = true,
	};
	struct vhc_port_config port_config = { .device = NULL };
	const struct vhc_traffic_report *report;
	const struct vhc_flow_report *flow;
	struct vhc_traffic *traffic;
	struct vhc_port port;
	struct sample sample;
	uint64_t before;

	config.count = config.gso ? (options->count + 9) / 10 : options->count;
	set_up_port(&port_config, row, device);
	port_config.table_max = row->indirect ? config.segments : 0;
	port_config.mem_size = 2 * vhc_traffic_mem_size(&config, port_config.features,
							port_config.ring_size,
							port_config.table_max);
	vhc_port_open(&port, &port_config);
	if (row->iommu)
		vhc_iommu_start(&port.iommu);
	traffic = vhc_traffic_open(&port, &config);
	vhc_port_start(&port);
	before = others_ns();
	if (!vhc_traffic_run(traffic))
		vhc_fail("%s, %s: %s", device, row->name, vhc_traffic_report(traffic)->trouble);
	report = vhc_traffic_report(traffic);
	flow = &report->flow[row->directions == RX ? VHC_RX : VHC_TX];
	sample.cost = (double)(others_ns() - before) / flow->received;
	sample.worker = (double)report->worker_ns / flow->received;
	sample.kicks = (double)flow->kicks / flow->received;
	sample.signals = (double)flow->signals / flow->received;
	vhc_traffic_close(traffic);
	vhc_port_close(&port);
	return sample;
}

static int by_cost(const void *a, const void *b)
{
	const struct sample *one = a, *two = b;

	return (one->cost > two->cost) - (one->cost < two->cost);
}

static struct json_object *to_json(const struct options *options, const struct row *row,
				   unsigned int device, const struct sample *sorted)
{
	const struct sample *median = &sorted[options->rounds / 2];
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "row", json_object_new_string(row->name));
	json_object_object_add(object, "device", json_object_new_string(options->device[device]));
	json_object_object_add(object, "cost", json_object_new_double(median->cost));
	json_object_object_add(object, "least", json_object_new_double(sorted[0].cost));
	json_object_object_add(object, "most",
			       json_object_new_double(sorted[options->rounds - 1].cost));
	json_object_object_add(object, "worker", json_object_new_double(median->worker));
	json_object_object_add(object, "kicks", json_object_new_double(median->kicks));
	json_object_object_add(object, "signals", json_object_new_double(median->signals));
	return object;
}

static void print_row(const struct options *options, const struct row *row,
		      struct sample sample[DEVICES_MAX][ROUNDS_MAX])
{
	double first = sample[0][options->rounds / 2].cost;
	unsigned int i;

	printf("%-24s", row->name);
	for (i = 0; i < options->devices; i++) {
		double cost = sample[i][options->rounds / 2].cost;
		double spread = sample[i][options->rounds - 1].cost - sample[i][0].cost;

		printf("  %8.0f ±%-5.0f", cost, spread / 2);
		if (i)
			printf(" %5.3f", cost / first);
	}
	putchar('\n');
	fflush(stdout);
}

static void measure_row(const struct options *options, const struct row *row,
			struct json_object *all)
{
	static struct sample sample[DEVICES_MAX][ROUNDS_MAX];
	unsigned int round, i;

	for (round = 0; round < options->rounds; round++)
		for (i = 0; i < options->devices; i++) {
			if (!options->quiet)
				fprintf(stderr, "\r\033[K%s, round %u of %u: %s", row->name,
					round + 1, options->rounds, options->device[i]);
			sample[i][round] = run(options, row, options->device[i]);
		}
	if (!options->quiet)
		fprintf(stderr, "\r\033[K");
	for (i = 0; i < options->devices; i++) {
		qsort(sample[i], options->rounds, sizeof(sample[i][0]), by_cost);
		json_object_array_add(all, to_json(options, row, i, sample[i]));
	}
	if (!options->json)
		print_row(options, row, sample);
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = option_list,
		.parser = parse,
		.doc = "Measure what a frame costs on vhost devices: nanoseconds of CPU time of all threads but the driver's, medians and half of the spread, and the ratio to the first device. Needs root, and an idle machine.",
	};
	struct json_object *all = json_object_new_array();
	struct options options = { .rounds = 3, .count = 20000, .pattern = "*" };
	bool any = false;
	size_t i;

	argp_parse(&argp, argc, argv, 0, NULL, &options);
	if (!options.devices) {
		options.device[options.devices++] = "/dev/vhost-net";
		options.device[options.devices++] = "/dev/vhost-custom";
	}
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		if (fnmatch(options.pattern, rows[i].name, 0))
			continue;
		measure_row(&options, &rows[i], all);
		any = true;
	}
	if (!any)
		vhc_fail("no row matches \"%s\"; --list shows them all", options.pattern);
	if (options.json)
		puts(json_object_to_json_string_ext(all, JSON_C_TO_STRING_PRETTY));
	json_object_put(all);
	return 0;
}
