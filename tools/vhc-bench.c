// SPDX-License-Identifier: GPL-2.0
/*
 * vhc-bench: what a frame costs on vhost devices, side by side.
 *
 * Owns the command line, the rows, and the table; the traffic is libvhc's, and what polling brings
 * is bench-polling.c's. The devices take turns, in several rounds, so that what changes meanwhile
 * changes for all. The cost is the CPU time of everybody but the driver: work that a device moves
 * to another thread is not free. Under an emulator's deterministic clock (tests/vm/run --icount) a
 * nanosecond is an instruction.
 */
#include <argp.h>
#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <json-c/json.h>

#include "bench.h"
#include "traffic.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

const char *argp_program_version = "vhc-bench 0.1.0";

enum {
	DEVICES_MAX = 8,
	ROUNDS_MAX = 99,
	PAIRS_MAX = 8,
	MEMORY_FILES = 200,
	LOG_PAGE = 4096,
	OPT_JSON = 256,
	OPT_LIST,
	OPT_POLLING,
};

struct row;
struct options;

/**
 * struct device - a device that takes turns
 * @name: as it was given: the path, and features that it has beyond the others'.
 * @path: of the device.
 * @features: to negotiate.
 */
struct device {
	const char *name;
	const char *path;
	uint64_t features;
};

/* What one run of a row gave, of each frame. */
struct sample {
	double cost;
	double worker;
	double kicks;
	double signals;
};

typedef struct sample sample_fn(const struct options *options, const struct row *row,
				const struct device *device);

static sample_fn send_frames, exchange_frames, open_files;

/**
 * struct row - a way to send frames
 * @name: what it is called; stable, for --row and for JSON.
 * @run: NULL means send_frames().
 * @directions: bits of VHC_x.
 * @size: bytes of a frame; from 10000 on they ask for segmentation.
 * @segments: descriptors of a chain; 0 means 1.
 * @indirect: they are in an indirect table.
 * @window: frames on their way; 0 means 256.
 * @ring_size: entries; 0 means 256.
 * @regions: of guest memory; 0 means 1.
 * @iommu: translations at a time, behind an IOMMU.
 * @log: the dirty log is on.
 * @pairs: queue pairs that are busy at once; 0 means 1.
 * @busiest: the cost is the busiest worker's alone, not everybody's.
 */
struct row {
	const char *name;
	sample_fn *run;
	unsigned int directions;
	size_t size;
	unsigned int segments;
	bool indirect;
	unsigned int window;
	unsigned int ring_size;
	unsigned int regions;
	unsigned int iommu;
	bool log;
	unsigned int pairs;
	bool busiest;
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
	{ .name = "both-64", .directions = RX | TX, .size = 64 },
	{ .name = "both-64-busiest-worker", .directions = RX | TX, .size = 64, .busiest = true },
	{ .name = "request-response", .run = exchange_frames, .size = 60 },
	{ .name = "tx-64-one-outstanding", .directions = TX, .size = 64, .window = 1 },
	{ .name = "tx-1500-4-descriptors", .directions = TX, .size = 1500, .segments = 4 },
	{ .name = "tx-1500-16-descriptors", .directions = TX, .size = 1500, .segments = 16 },
	{ .name = "tx-64-ring-32768", .directions = TX, .size = 64, .ring_size = 32768 },
	{ .name = "rx-64-ring-32768", .directions = RX, .size = 64, .ring_size = 32768 },
	{ .name = "tx-64-64-regions", .directions = TX, .size = 64, .regions = 64 },
	{ .name = "rx-64-64-regions", .directions = RX, .size = 64, .regions = 64 },
	{ .name = "tx-64-509-regions", .directions = TX, .size = 64, .regions = 509 },
	{ .name = "rx-64-509-regions", .directions = RX, .size = 64, .regions = 509 },
	{ .name = "tx-64-iommu", .directions = TX, .size = 64, .iommu = 4096 },
	{ .name = "rx-64-iommu", .directions = RX, .size = 64, .iommu = 4096 },
	{ .name = "tx-64-dirty-log", .directions = TX, .size = 64, .log = true },
	{ .name = "rx-1500-dirty-log", .directions = RX, .size = 1500, .log = true },
	{ .name = "tx-64-8-pairs", .directions = TX, .size = 64, .pairs = 8 },
	{ .name = "rx-64-8-pairs", .directions = RX, .size = 64, .pairs = 8 },
	{ .name = "bytes-per-open-file", .run = open_files },
};

struct options {
	struct device device[DEVICES_MAX];
	unsigned int devices;
	uint64_t features;
	unsigned int rounds;
	unsigned int count;
	const char *pattern;
	unsigned int poll_us;	/* 0: frames' cost is wanted */
	bool json;
	bool quiet;
};

static const struct argp_option option_list[] = {
	{ "device", 'd', "PATH[,FEATURE...]", 0,
	  "A device, and features beyond --features; may be given several times (/dev/vhost-net and /dev/vhost-custom)",
	  0 },
	{ "features", 'f', "LIST", 0,
	  "Features to negotiate (event_idx,indirect,mrg_rxbuf,version_1)", 0 },
	{ "rounds", 'n', "N", 0, "Runs of each row on each device (3)", 0 },
	{ "count", 'c', "N", 0, "Frames of a run (20000, of large ones a tenth)", 0 },
	{ "row", 'r', "PATTERN", 0, "Rows of such names only, as in tx-*", 0 },
	{ "list", OPT_LIST, NULL, 0, "Print the rows' names", 0 },
	{ "polling", OPT_POLLING, "MICROSECONDS", OPTION_ARG_OPTIONAL,
	  "Instead, what polling for so long brings and costs: none, poll-us, adaptive (50)", 0 },
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

static void add_device(struct options *options, const char *name)
{
	struct device *device = &options->device[options->devices++];
	const char *comma = strchr(name, ',');

	device->name = name;
	device->path = name;
	if (!comma)
		return;
	device->path = strndup(name, comma - name);
	if (!device->path)
		vhc_fail("out of memory");
	if (vhc_parse_features(comma + 1, &device->features))
		vhc_fail("%s: \"%s\" is neither names nor a mask", device->path, comma + 1);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case 'd':
		if (options->devices == DEVICES_MAX)
			argp_error(state, "more than %d devices", DEVICES_MAX);
		add_device(options, arg);
		return 0;
	case 'f':
		if (vhc_parse_features(arg, &options->features))
			argp_error(state, "--features: \"%s\" is neither names nor a mask", arg);
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
	case OPT_POLLING:
		options->poll_us = arg ? number(arg, 1000000, state) : 50;
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

static void set_up_port(struct vhc_port_config *port, const struct row *row,
			const struct device *device)
{
	port->device = device->path;
	port->features = device->features;
	port->ring_size = row->ring_size ? row->ring_size : 256;
	port->regions = row->regions;
	port->iommu = row->iommu;
	if (row->iommu)
		port->features |= VHC_F_ACCESS_PLATFORM;
	if (row->indirect)
		port->features |= VHC_F_INDIRECT;
}

static void set_log(struct vhc_port *port, void *log)
{
	struct vhost_vring_addr addr;
	unsigned int i;

	vhc_set_log_base(&port->dev, (uintptr_t)log);
	vhc_set_features(&port->dev, port->features | VHC_F_LOG_ALL);
	for (i = 0; i < VHC_QUEUES; i++) {
		vhc_port_addr(port, i, &addr);
		addr.flags = 1 << VHOST_VRING_F_LOG;
		vhc_set_vring_addr(&port->dev, &addr);
	}
}

/**
 * struct pair - a queue pair with its driver's thread
 * @port: the device, and all that it needs.
 * @traffic: what is sent.
 * @log: the dirty log, or NULL.
 * @driver_ns: CPU time of the driver.
 * @clean: no frame was lost.
 */
struct pair {
	struct vhc_port port;
	struct vhc_traffic *traffic;
	void *log;
	uint64_t driver_ns;
	bool clean;
};

static void pair_open(struct pair *pair, const struct options *options, const struct row *row,
		      const struct device *device)
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
	struct vhc_port_config port = { .device = NULL };

	memset(pair, 0, sizeof(*pair));
	config.count = config.gso ? (options->count + 9) / 10 : options->count;
	if (row->pairs)
		config.count = (config.count + row->pairs - 1) / row->pairs;
	set_up_port(&port, row, device);
	port.table_max = row->indirect ? config.segments : 0;
	port.mem_size = 2 * vhc_traffic_mem_size(&config, port.features, port.ring_size,
						 port.table_max);
	vhc_port_open(&pair->port, &port);
	if (row->iommu)
		vhc_iommu_start(&pair->port.iommu);
	if (row->log) {
		pair->log = calloc(1, vhc_mem_end(&pair->port.mem) / LOG_PAGE / 8 + 1);
		if (!pair->log)
			vhc_fail("no memory for the log");
		set_log(&pair->port, pair->log);
	}
	pair->traffic = vhc_traffic_open(&pair->port, &config);
	vhc_port_start(&pair->port);
}

/*
 * A driver that is SCHED_BATCH does not preempt a worker that wakes it. If it did, on the one CPU
 * of the deterministic clock, the scheduler of Linux 6.1 and 6.12 would charge it for what the
 * worker does from then on: wakeup_preempt() has the clock stand still until the next switch,
 * which a kernel thread makes when it likes. For the time of a run only: workers inherit it.
 */
static void be_driver(bool on)
{
	const struct sched_param param = { .sched_priority = 0 };

	if (sched_setscheduler(0, on ? SCHED_BATCH : SCHED_OTHER, &param))
		vhc_fail("sched_setscheduler: %s", strerror(errno));
}

static void *pair_run(void *opaque)
{
	struct pair *pair = opaque;
	uint64_t before;

	be_driver(true);
	before = own_ns();
	pair->clean = vhc_traffic_run(pair->traffic);
	pair->driver_ns = own_ns() - before;
	be_driver(false);
	return NULL;
}

static void pair_close(struct pair *pair)
{
	vhc_traffic_close(pair->traffic);
	vhc_port_close(&pair->port);
	free(pair->log);
}

static struct sample send_frames(const struct options *options, const struct row *row,
				 const struct device *device)
{
	const unsigned int pairs = row->pairs ? row->pairs : 1;
	static struct pair pair[PAIRS_MAX];
	struct sample sample = { 0 };
	pthread_t thread[PAIRS_MAX];
	uint64_t before, drivers = 0, received = 0;
	unsigned int i;

	for (i = 0; i < pairs; i++)
		pair_open(&pair[i], options, row, device);
	before = others_ns();
	for (i = 1; i < pairs; i++)
		if (pthread_create(&thread[i], NULL, pair_run, &pair[i]))
			vhc_fail("a thread cannot be created");
	pair_run(&pair[0]);
	for (i = 1; i < pairs; i++) {
		pthread_join(thread[i], NULL);
		drivers += pair[i].driver_ns;
	}
	sample.cost = others_ns() - before - drivers;
	for (i = 0; i < pairs; i++) {
		const struct vhc_traffic_report *report = vhc_traffic_report(pair[i].traffic);

		if (!pair[i].clean)
			vhc_fail("%s, %s: %s", device->name, row->name, report->trouble);
		/* In both directions there are as many: the cost is that of two. */
		received += report->flow[row->directions & RX ? VHC_RX : VHC_TX].received;
		/* Workers of all pairs have one name. */
		if (!i)
			sample.worker = report->worker_ns;
		if (!i && row->busiest)
			sample.cost = report->busiest_ns;
		sample.kicks += report->flow[VHC_RX].kicks + report->flow[VHC_TX].kicks;
		sample.signals += report->flow[VHC_RX].signals + report->flow[VHC_TX].signals;
	}
	sample.cost /= received;
	sample.worker /= received;
	sample.kicks /= received;
	sample.signals /= received;
	for (i = 0; i < pairs; i++)
		pair_close(&pair[i]);
	return sample;
}

static struct sample exchange_frames(const struct options *options, const struct row *row,
				     const struct device *device)
{
	struct vhc_port_config config = { .device = NULL };
	const unsigned int count = (options->count + 9) / 10;
	struct sample sample;
	struct echo echo;
	uint64_t before;
	unsigned int i;

	set_up_port(&config, row, device);
	echo_open(&echo, &config, row->size);
	be_driver(true);
	echo_one(&echo);
	before = others_ns();
	for (i = 0; i < count; i++)
		echo_one(&echo);
	sample.cost = (double)(others_ns() - before) / count;
	be_driver(false);
	sample.worker = sample.cost;
	sample.kicks = (double)(echo.port.queue[VHC_RX].kicks +
				echo.port.queue[VHC_TX].kicks) / (count + 1);
	sample.signals = (double)(echo.port.queue[VHC_RX].signals +
				  echo.port.queue[VHC_TX].signals) / (count + 1);
	echo_close(&echo);
	return sample;
}

/* What the kernel took by kmalloc(), as caches and by vmalloc(), which stacks are from. */
static double kernel_bytes(void)
{
	static const char *const kinds[] = { "Slab: %llu kB", "VmallocUsed: %llu kB" };
	FILE *in = fopen("/proc/meminfo", "re");
	unsigned long long kib, sum = 0;
	char line[256];
	unsigned int i;

	while (in && fgets(line, sizeof(line), in))
		for (i = 0; i < ARRAY_SIZE(kinds); i++)
			if (sscanf(line, kinds[i], &kib) == 1)
				sum += kib;
	if (!in || !sum)
		vhc_fail("/proc/meminfo does not say how much memory the kernel uses");
	fclose(in);
	return sum * 1024.0;
}

/* Memory of a file with an owner, whose queues were not started. */
static struct sample open_files(const struct options *options, const struct row *row,
				const struct device *device)
{
	static struct vhc_dev dev[MEMORY_FILES];
	struct sample sample = { 0 };
	double before;
	unsigned int i;

	(void)options;
	(void)row;
	before = kernel_bytes();
	for (i = 0; i < MEMORY_FILES; i++) {
		vhc_open(&dev[i], device->path);
		vhc_set_owner(&dev[i]);
	}
	sample.cost = (kernel_bytes() - before) / MEMORY_FILES;
	for (i = 0; i < MEMORY_FILES; i++)
		vhc_close(&dev[i]);
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
	json_object_object_add(object, "device",
			       json_object_new_string(options->device[device].name));
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
					round + 1, options->rounds, options->device[i].name);
			sample[i][round] = (row->run ? row->run : send_frames)
				(options, row, &options->device[i]);
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
	struct options options = {
		.rounds = 3, .count = 20000, .pattern = "*",
		.features = VHC_F_EVENT_IDX | VHC_F_INDIRECT | VHC_F_MRG_RXBUF | VHC_F_VERSION_1,
	};
	bool any = false;
	size_t i;

	argp_parse(&argp, argc, argv, 0, NULL, &options);
	if (options.poll_us) {
		if (!options.devices)
			add_device(&options, "/dev/vhost-custom");
		bench_polling(options.device[0].path, options.rounds, (options.count + 19) / 20,
			      options.poll_us, options.json, options.quiet);
		json_object_put(all);
		return 0;
	}
	if (!options.devices) {
		add_device(&options, "/dev/vhost-net");
		add_device(&options, "/dev/vhost-custom");
	}
	for (i = 0; i < options.devices; i++)
		options.device[i].features |= options.features;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		if (fnmatch(options.pattern, rows[i].name, 0))
			continue;
		any = true;
		if (rows[i].regions > vhc_max_mem_regions()) {
			fprintf(stderr, "%s is left out: load vhost with max_mem_regions=509\n",
				rows[i].name);
			continue;
		}
		measure_row(&options, &rows[i], all);
	}
	if (!any)
		vhc_fail("no row matches \"%s\"; --list shows them all", options.pattern);
	if (options.json)
		puts(json_object_to_json_string_ext(all, JSON_C_TO_STRING_PRETTY));
	json_object_put(all);
	return 0;
}
