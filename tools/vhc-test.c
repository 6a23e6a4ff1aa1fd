// SPDX-License-Identifier: GPL-2.0
/*
 * vhc-test: play the guest of a vhost-net device, without a guest.
 *
 * Owns the command line and the printed report; the work is done by libvhc. Exit status 0
 * means that every frame arrived once, whole and in order, and that the device's own
 * counters, if it has any, say the same.
 */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <json-c/json.h>

#include "frame.h"
#include "traffic.h"

const char *argp_program_version = "vhc-test 0.1.0";

enum {
	OPT_RING_SIZE = 256,
	OPT_SEGMENTS,
	OPT_INDIRECT,
	OPT_ANY_LAYOUT,
	OPT_GSO,
	OPT_JSON,
	OPT_PROGRESS,
	OPT_MEASURE,
	OPT_REGIONS,
	OPT_RX_BUFFER,
	OPT_WINDOW,
	OPT_FIFO,
	OPT_RESTART,
	OPT_SNDBUF,
	OPT_STALL,
};

struct options {
	struct vhc_port_config port;
	struct vhc_traffic_config traffic;
	int sndbuf;
	bool json;
	bool quiet;
	bool progress;
};

static const struct argp_option option_list[] = {
	{ NULL, 0, NULL, 0, "What to test:", 1 },
	{ "device", 'd', "PATH", 0, "Device to test (/dev/vhost-custom)", 1 },
	{ "features", 'f', "LIST", 0,
	  "Features to negotiate: none, or some of event_idx, indirect, mrg_rxbuf, version_1, ring_packed, in_order, …, or a mask (event_idx,indirect,mrg_rxbuf,version_1)",
	  1 },
	{ "direction", 'D', "rx|tx|both", 0, "From the guest's side: rx is host to guest (both)",
	  1 },
	{ "count", 'c', "N", 0, "Frames in each direction (100000)", 1 },
	{ "seconds", 's', "N", 0, "Send for so long instead of --count", 1 },
	{ "frame-size", 'l', "N|A-B|mixed", 0, "Bytes without header (60-1514)", 1 },
	{ "gso", OPT_GSO, NULL, 0, "Send TCP frames that ask for segmentation", 1 },
	{ NULL, 0, NULL, 0, "How the guest lays them out:", 2 },
	{ "ring-size", OPT_RING_SIZE, "N", 0,
	  "Entries of both rings; of split ones, a power of 2 (256)", 2 },
	{ "segments", OPT_SEGMENTS, "N", 0, "Descriptors in a chain (1)", 2 },
	{ "indirect", OPT_INDIRECT, NULL, 0, "Put chains into indirect tables", 2 },
	{ "any-layout", OPT_ANY_LAYOUT, NULL, 0, "Cut chains at any byte", 2 },
	{ "rx-buffer", OPT_RX_BUFFER, "BYTES", 0, "Size of mergeable RX buffers (1536)", 2 },
	{ "regions", OPT_REGIONS, "N", 0, "Regions of guest memory (1)", 2 },
	{ "fifo", OPT_FIFO, NULL, 0,
	  "Reuse the descriptor that is free for longest, not the last one as Linux does", 2 },
	{ "window", OPT_WINDOW, "N", 0, "Frames on their way in each direction (256)", 2 },
	{ "restart", OPT_RESTART, "N", 0, "Stop and restart both queues after each N frames", 2 },
	{ "sndbuf", OPT_SNDBUF, "BYTES", 0, "TUNSETSNDBUF of the tap", 2 },
	{ "stall", OPT_STALL, "SECONDS", 0, "Give up when nothing happens for so long (20)", 2 },
	{ NULL, 0, NULL, 0, "What to print:", 3 },
	{ "measure", OPT_MEASURE, NULL, 0,
	  "Find out what the device's workers cost: keep the rings full, have nobody listen behind the tap and check no content",
	  3 },
	{ "json", OPT_JSON, NULL, 0, "Print the report as JSON", 3 },
	{ "progress", OPT_PROGRESS, NULL, 0, "Print a line twice a second on stderr", 3 },
	{ "quiet", 'q', NULL, 0, "Print nothing but errors", 3 },
	{ }
};

static uint64_t number(const char *arg, struct argp_state *state, uint64_t min, uint64_t max)
{
	uint64_t value;
	char *end;

	errno = 0;
	value = strtoull(arg, &end, 0);
	if (errno || end == arg || *end || value < min || value > max)
		argp_error(state, "'%s' is no number from %" PRIu64 " to %" PRIu64, arg, min, max);
	return value;
}

static void parse_size(struct vhc_traffic_config *traffic, const char *arg,
		       struct argp_state *state)
{
	char copy[32], *dash;

	traffic->mixed = !strcmp(arg, "mixed");
	if (traffic->mixed)
		return;
	snprintf(copy, sizeof(copy), "%s", arg);
	dash = strchr(copy, '-');
	if (dash)
		*dash = '\0';
	traffic->min = number(copy, state, VHC_FRAME_MIN, VHC_FRAME_MAX);
	traffic->max = dash ? number(dash + 1, state, traffic->min, VHC_FRAME_MAX) : traffic->min;
}

static unsigned int parse_direction(const char *arg, struct argp_state *state)
{
	if (!strcmp(arg, "rx"))
		return 1 << VHC_RX;
	if (!strcmp(arg, "tx"))
		return 1 << VHC_TX;
	if (strcmp(arg, "both"))
		argp_error(state, "--direction is rx, tx or both, not '%s'", arg);
	return 1 << VHC_RX | 1 << VHC_TX;
}

static error_t parse_layout(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;
	struct vhc_traffic_config *traffic = &options->traffic;

	switch (key) {
	case OPT_RING_SIZE:
		options->port.ring_size = number(arg, state, 1, 32768);
		return 0;
	case OPT_SEGMENTS:
		traffic->segments = number(arg, state, 1, 64);
		return 0;
	case OPT_INDIRECT:
		traffic->indirect = true;
		return 0;
	case OPT_ANY_LAYOUT:
		traffic->any_layout = true;
		return 0;
	case OPT_RX_BUFFER:
		traffic->rx_buffer = number(arg, state, 64, VHC_FRAME_MAX);
		return 0;
	case OPT_REGIONS:
		options->port.regions = number(arg, state, 1, 509);
		return 0;
	case OPT_FIFO:
		options->port.fifo = true;
		return 0;
	case OPT_WINDOW:
		traffic->window = number(arg, state, 1, 32768);
		return 0;
	case OPT_RESTART:
		traffic->restart_every = number(arg, state, 1, UINT32_MAX);
		return 0;
	case OPT_SNDBUF:
		options->sndbuf = number(arg, state, 1, INT32_MAX);
		return 0;
	case OPT_STALL:
		traffic->stall_ms = 1000 * number(arg, state, 1, 3600);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static void check_options(struct options *options, struct argp_state *state)
{
	struct vhc_traffic_config *traffic = &options->traffic;

	if (traffic->gso && traffic->min < VHC_FRAME_GSO_MIN)
		argp_error(state, "--gso needs --frame-size of at least %d", VHC_FRAME_GSO_MIN);
	if (options->port.ring_size & (options->port.ring_size - 1) &&
	    !(options->port.features & VHC_F_RING_PACKED))
		argp_error(state,
			   "--ring-size must be a power of 2 without the feature 'ring_packed'");
	if (traffic->indirect && !(options->port.features & VHC_F_INDIRECT))
		argp_error(state, "--indirect needs the feature 'indirect'");
	if (traffic->measure && traffic->directions == (1 << VHC_RX | 1 << VHC_TX))
		argp_error(state, "--measure needs --direction rx or tx");
	if (traffic->measure && traffic->seconds)
		argp_error(state, "--measure goes with --count, not with --seconds");
	if (traffic->measure && traffic->any_layout)
		argp_error(state, "--measure does not go with --any-layout");
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;
	struct vhc_traffic_config *traffic = &options->traffic;

	switch (key) {
	case 'd':
		options->port.device = arg;
		return 0;
	case 'f':
		if (vhc_parse_features(arg, &options->port.features))
			argp_error(state, "--features: '%s' is neither names nor a mask", arg);
		return 0;
	case 'D':
		traffic->directions = parse_direction(arg, state);
		return 0;
	case 'c':
		traffic->count = number(arg, state, 1, UINT32_MAX);
		return 0;
	case 's':
		traffic->seconds = number(arg, state, 1, 1000000);
		traffic->count = 0;
		return 0;
	case 'l':
		parse_size(traffic, arg, state);
		return 0;
	case 'q':
		options->quiet = true;
		return 0;
	case OPT_GSO:
		traffic->gso = true;
		return 0;
	case OPT_MEASURE:
		traffic->measure = true;
		return 0;
	case OPT_JSON:
		options->json = true;
		return 0;
	case OPT_PROGRESS:
		options->progress = true;
		return 0;
	case ARGP_KEY_END:
		check_options(options, state);
		return 0;
	}
	return parse_layout(key, arg, state);
}

static const struct argp argp = {
	.options = option_list,
	.parser = parse,
	.doc = "Play the guest of a vhost-net device: send numbered frames through its rings and a tap, and account for each one.\v"
	       "Needs root and /dev/net/tun. Exit status: 0 when every frame arrived once, whole and in order; 1 when not, or when the device could not be set up; 64 for a wrong command line.",
};

static void show_progress(const struct vhc_traffic_report *report)
{
	fprintf(stderr, "rx %" PRIu64 "/%" PRIu64 "  tx %" PRIu64 "/%" PRIu64 "\n",
		report->flow[VHC_RX].received, report->flow[VHC_RX].sent,
		report->flow[VHC_TX].received, report->flow[VHC_TX].sent);
}

static double per(uint64_t what, double of, double unit)
{
	return of > 0 ? unit * what / of : 0;
}

/* ---- the report in words ---- */

static void print_flow(const char *name, const struct vhc_flow_report *flow, double seconds)
{
	printf("%s: sent %" PRIu64 ", received %" PRIu64 ", lost %" PRIu64 ", doubled %" PRIu64
	       ", reordered %" PRIu64 ", damaged %" PRIu64 "\n",
	       name, flow->sent, flow->received, flow->lost, flow->doubled, flow->reordered,
	       flow->damaged);
	printf("    %.0f frames/s, per 1000 frames: %.1f kicks, %.1f signals\n",
	       per(flow->received, seconds, 1), per(flow->kicks, flow->received, 1000),
	       per(flow->signals, flow->received, 1000));
	if (flow->foreign || flow->refused)
		printf("    %" PRIu64 " foreign frames, %" PRIu64 " refused by the tap's queue\n",
		       flow->foreign, flow->refused);
}

static void print_report(const struct options *options, const struct vhc_traffic_report *report)
{
	double seconds = report->nanoseconds / 1e9;
	uint64_t frames = report->flow[VHC_RX].received + report->flow[VHC_TX].received;
	char names[256];

	printf("%s, features %s, ring size %u\n", options->port.device,
	       vhc_feature_names(options->port.features, names, sizeof(names)),
	       options->port.ring_size);
	if (options->traffic.directions & 1 << VHC_RX)
		print_flow("RX", &report->flow[VHC_RX], seconds);
	if (options->traffic.directions & 1 << VHC_TX)
		print_flow("TX", &report->flow[VHC_TX], seconds);
	if (report->restarts)
		printf("restarted %" PRIu64 " times\n", report->restarts);
	printf("%u worker%s: %.0f ns of CPU per frame (instructions, under -icount shift=0)\n",
	       report->workers, report->workers == 1 ? "" : "s", per(report->worker_ns, frames, 1));
}

/* ---- the report as JSON ---- */

static void add_number(struct json_object *to, const char *name, uint64_t value)
{
	json_object_object_add(to, name, json_object_new_int64(value));
}

static struct json_object *json_flow(const struct vhc_flow_report *flow, double seconds)
{
	struct json_object *json = json_object_new_object();

	add_number(json, "sent", flow->sent);
	add_number(json, "received", flow->received);
	add_number(json, "lost", flow->lost);
	add_number(json, "doubled", flow->doubled);
	add_number(json, "reordered", flow->reordered);
	add_number(json, "damaged", flow->damaged);
	add_number(json, "foreign", flow->foreign);
	add_number(json, "refused", flow->refused);
	add_number(json, "bytes", flow->bytes);
	add_number(json, "chains", flow->chains);
	add_number(json, "kicks", flow->kicks);
	add_number(json, "signals", flow->signals);
	json_object_object_add(json, "frames_per_second",
			       json_object_new_double(per(flow->received, seconds, 1)));
	return json;
}

static void print_json(const struct options *options, const struct vhc_traffic_report *report,
		       bool ok, const char *trouble)
{
	struct json_object *json = json_object_new_object();
	uint64_t frames = report->flow[VHC_RX].received + report->flow[VHC_TX].received;
	double seconds = report->nanoseconds / 1e9;
	char names[256];

	vhc_feature_names(options->port.features, names, sizeof(names));
	json_object_object_add(json, "device", json_object_new_string(options->port.device));
	json_object_object_add(json, "features", json_object_new_string(names));
	add_number(json, "ring_size", options->port.ring_size);
	json_object_object_add(json, "ok", json_object_new_boolean(ok));
	json_object_object_add(json, "trouble", json_object_new_string(trouble));
	json_object_object_add(json, "seconds", json_object_new_double(seconds));
	json_object_object_add(json, "rx", json_flow(&report->flow[VHC_RX], seconds));
	json_object_object_add(json, "tx", json_flow(&report->flow[VHC_TX], seconds));
	add_number(json, "restarts", report->restarts);
	add_number(json, "workers", report->workers);
	add_number(json, "worker_ns", report->worker_ns);
	json_object_object_add(json, "worker_ns_per_frame",
			       json_object_new_double(per(report->worker_ns, frames, 1)));
	printf("%s\n", json_object_to_json_string_ext(json, JSON_C_TO_STRING_PRETTY));
	json_object_put(json);
}

/* ---- the test ---- */

static void check_features(const struct options *options)
{
	struct vhc_dev dev;
	uint64_t missing;
	char names[256];

	vhc_open(&dev, options->port.device);
	missing = options->port.features & ~vhc_get_features(&dev);
	vhc_close(&dev);
	if (missing)
		vhc_fail("%s does not offer %s (mask 0x%" PRIx64 "); choose others with --features",
			 options->port.device, vhc_feature_names(missing, names, sizeof(names)),
			 missing);
}

static void open_port(struct vhc_port *port, struct options *options)
{
	struct vhc_port_config *config = &options->port;

	if (options->traffic.indirect)
		config->table_max = options->traffic.segments;
	config->mem_size = vhc_traffic_mem_size(&options->traffic, config->features,
						config->ring_size, config->table_max);
	if (options->traffic.window > config->queue_len)
		config->queue_len = options->traffic.window;
	check_features(options);
	vhc_port_open(port, config);
	if (options->sndbuf)
		vhc_tap_set_sndbuf(&port->tap, options->sndbuf);
}

static bool run(struct options *options)
{
	const struct vhc_traffic_report *report;
	struct vhc_traffic *traffic;
	struct vhc_port port;
	char trouble[256];
	bool ok;

	open_port(&port, options);
	traffic = vhc_traffic_open(&port, &options->traffic);
	if (options->progress)
		vhc_traffic_on_progress(traffic, show_progress);
	vhc_port_start(&port);
	ok = vhc_traffic_run(traffic);
	report = vhc_traffic_report(traffic);
	strcpy(trouble, report->trouble);
	if (ok && vhc_is_custom(&port.dev))
		ok = vhc_report_agrees(report, &port.dev, trouble, sizeof(trouble));
	if (options->json)
		print_json(options, report, ok, trouble);
	else if (!options->quiet)
		print_report(options, report);
	if (trouble[0])
		fprintf(stderr, "%s: %s\n", options->port.device, trouble);
	vhc_traffic_close(traffic);
	vhc_port_close(&port);
	return ok;
}

int main(int argc, char **argv)
{
	struct options options = {
		.port = {
			.device = "/dev/vhost-custom",
			.features = VHC_F_EVENT_IDX | VHC_F_INDIRECT | VHC_F_MRG_RXBUF |
				    VHC_F_VERSION_1,
			.ring_size = 256,
			.queue_len = 1000,
		},
		.traffic = {
			.directions = 1 << VHC_RX | 1 << VHC_TX,
			.count = 100000,
			.min = VHC_FRAME_MIN,
			.max = 1514,
			.segments = 1,
			.window = 256,
		},
	};

	argp_parse(&argp, argc, argv, 0, NULL, &options);
	return run(&options) ? EXIT_SUCCESS : EXIT_FAILURE;
}
