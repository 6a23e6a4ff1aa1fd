// SPDX-License-Identifier: GPL-2.0
/*
 * Claims about cost: vhost_custom's workers execute no more instructions per frame than
 * those of vhost_net, in the same boot, for each row of the table in the README.
 *
 * Runs under the deterministic clock only: tests/vm/run HOST --icount. One nanosecond of
 * CPU time is one instruction there, and a measurement repeats within 1 %.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "claims.h"
#include "traffic.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static const uint64_t features = VHC_F_EVENT_IDX | VHC_F_INDIRECT | VHC_F_MRG_RXBUF |
				 VHC_F_VERSION_1;

/* Some 20 million instructions, and nothing else. */
static void count_down(void)
{
	unsigned long n = 10000000;

	__asm__ volatile("1: dec %0; jnz 1b" : "+r"(n) : : "cc");
}

static void the_clock_counts_instructions(const struct variant *variant)
{
	struct timespec start, end;
	long ns;

	clock_gettime(CLOCK_MONOTONIC, &start);
	count_down();
	clock_gettime(CLOCK_MONOTONIC, &end);
	ns = (end.tv_sec - start.tv_sec) * 1000000000L + end.tv_nsec - start.tv_nsec;
	if (ns < 20000000 || ns > 20400000)
		fail_msg("20 million instructions took %ld ns; use tests/vm/run HOST --icount", ns);
}

static double measure(const char *device, const struct vhc_traffic_config *config)
{
	struct vhc_port_config port_config = {
		.device = device,
		.features = features,
		.ring_size = 256,
		.table_max = config->indirect ? config->segments : 0,
	};
	const struct vhc_traffic_report *report;
	struct vhc_traffic *traffic;
	struct vhc_port port;
	double cost;

	port_config.mem_size = vhc_traffic_mem_size(config, features, 256, port_config.table_max);
	vhc_port_open(&port, &port_config);
	traffic = vhc_traffic_open(&port, config);
	vhc_port_start(&port);
	if (!vhc_traffic_run(traffic))
		fail_msg("%s: %s", device, vhc_traffic_report(traffic)->trouble);
	report = vhc_traffic_report(traffic);
	cost = (double)report->worker_ns /
	       (report->flow[VHC_RX].received + report->flow[VHC_TX].received);
	vhc_traffic_close(traffic);
	vhc_port_close(&port);
	return cost;
}

static void costs_no_more(const char *row, const struct vhc_traffic_config *config)
{
	double net = measure("/dev/vhost-net", config);
	double custom = measure("/dev/vhost-custom", config);

	print_message("# %-32s vhost_net %7.0f  vhost_custom %7.0f  %+6.1f %%\n", row, net,
		      custom, 100 * (custom - net) / net);
	if (custom > net)
		fail_msg("%s costs %.0f instructions per frame, and %.0f with vhost_net", row,
			 custom, net);
}

static struct vhc_traffic_config frames(unsigned int direction, size_t len)
{
	const struct vhc_traffic_config config = {
		.directions = 1 << direction,
		.count = len > 10000 ? 2000 : 20000,
		.min = len,
		.max = len,
		.gso = len > 10000,
		.segments = 1,
		.measure = true,
	};

	return config;
}

static void tx_64(const struct variant *variant)
{
	struct vhc_traffic_config config = frames(VHC_TX, 64);

	costs_no_more("TX 64", &config);
}

static void tx_64_in_two_descriptors(const struct variant *variant)
{
	struct vhc_traffic_config config = frames(VHC_TX, 64);

	config.segments = 2;
	costs_no_more("TX 64, two descriptors", &config);
}

static void tx_1500(const struct variant *variant)
{
	struct vhc_traffic_config config = frames(VHC_TX, 1500);

	costs_no_more("TX 1500", &config);
}

static void tx_60000(const struct variant *variant)
{
	struct vhc_traffic_config config = frames(VHC_TX, 60000);

	costs_no_more("TX 60000", &config);
}

static void tx_60000_in_an_indirect_table(const struct variant *variant)
{
	struct vhc_traffic_config config = frames(VHC_TX, 60000);

	config.segments = 18;
	config.indirect = true;
	costs_no_more("TX 60000, 18 indirect", &config);
}

static void rx_64(const struct variant *variant)
{
	struct vhc_traffic_config config = frames(VHC_RX, 64);

	costs_no_more("RX 64, mergeable", &config);
}

static void rx_1500(const struct variant *variant)
{
	struct vhc_traffic_config config = frames(VHC_RX, 1500);

	costs_no_more("RX 1500, mergeable", &config);
}

static void rx_60000(const struct variant *variant)
{
	struct vhc_traffic_config config = frames(VHC_RX, 60000);

	costs_no_more("RX 60000, mergeable", &config);
}

#define COST(row) \
	{ .name = #row "_costs_no_more_than_with_vhost_net", .check = row, \
	  .devices = ON_VHOST_CUSTOM, .seconds = 300 }

static const struct claim claims[] = {
	{ .name = "the_clock_counts_instructions", .check = the_clock_counts_instructions,
	  .devices = ON_VHOST_CUSTOM },
	COST(tx_64),
	COST(tx_64_in_two_descriptors),
	COST(tx_1500),
	COST(tx_60000),
	COST(tx_60000_in_an_indirect_table),
	COST(rx_64),
	COST(rx_1500),
	COST(rx_60000),
};

int main(int argc, char **argv)
{
	claims_add(claims, ARRAY_SIZE(claims));
	return claims_main(argc, argv);
}
