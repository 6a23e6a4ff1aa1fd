/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the two parts of vhc-bench share: see vhc-bench.c.
 */
#ifndef TOOLS_BENCH_H
#define TOOLS_BENCH_H

#include <stdint.h>

#include "port.h"

/**
 * struct echo - a guest that sends a frame, and somebody behind the tap who sends it back
 * @port: the guest's.
 * @request: guest address of the frame.
 * @response: of the buffer for what comes back.
 * @len: of the frame.
 */
struct echo {
	struct vhc_port port;
	uint64_t request;
	uint64_t response;
	size_t len;
};

void echo_open(struct echo *echo, const struct vhc_port_config *config, size_t len);
void echo_one(struct echo *echo);
void echo_close(struct echo *echo);

void bench_polling(const char *device, unsigned int rounds, unsigned int count,
		   unsigned int poll_us, bool json, bool quiet);

#endif
