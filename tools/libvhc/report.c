// SPDX-License-Identifier: GPL-2.0
/*
 * What became of the frames: is it good, and does the device say the same?
 *
 * Callers: the tools and the tests.
 */
#include <stdio.h>

#include "stats.h"
#include "traffic.h"

static bool flow_clean(const struct vhc_flow_report *flow)
{
	return !flow->lost && !flow->doubled && !flow->reordered && !flow->damaged;
}

/**
 * vhc_report_clean() - did all go well?
 * @report: the account.
 *
 * Return: true if nothing was lost, doubled, reordered or damaged, and no other trouble.
 */
bool vhc_report_clean(const struct vhc_traffic_report *report)
{
	return flow_clean(&report->flow[VHC_RX]) && flow_clean(&report->flow[VHC_TX]) &&
	       !report->trouble[0];
}

static bool differ(char *why, size_t size, const char *what, uint64_t theirs, uint64_t ours)
{
	if (theirs == ours)
		return false;
	snprintf(why, size, "%s: the module counts %llu, we count %llu", what,
		 (unsigned long long)theirs, (unsigned long long)ours);
	return true;
}

/**
 * vhc_report_agrees() - do vhost_custom's counters say the same?
 * @report: the account; all traffic of the device was ours, and the queues are idle.
 * @dev: a /dev/vhost-custom.
 * @why: filled with the first difference.
 * @size: of @why.
 *
 * Return: true if they do.
 */
bool vhc_report_agrees(const struct vhc_traffic_report *report, const struct vhc_dev *dev,
		       char *why, size_t size)
{
	const struct vhc_flow_report *rx = &report->flow[VHC_RX], *tx = &report->flow[VHC_TX];

	return !differ(why, size, "TX packets", vhc_stat(dev, VHC_TX, "packets"), tx->chains) &&
	       !differ(why, size, "TX bytes", vhc_stat(dev, VHC_TX, "bytes"), tx->bytes) &&
	       !differ(why, size, "TX signals", vhc_stat(dev, VHC_TX, "signals"), tx->signals) &&
	       !differ(why, size, "RX packets", vhc_stat(dev, VHC_RX, "packets"),
		       rx->received + rx->doubled + rx->foreign + rx->damaged) &&
	       !differ(why, size, "RX bytes", vhc_stat(dev, VHC_RX, "bytes"), rx->bytes) &&
	       !differ(why, size, "RX signals", vhc_stat(dev, VHC_RX, "signals"), rx->signals);
}
