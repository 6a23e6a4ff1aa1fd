/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A port under test, and what most claims about frames do with one. A rig that finds
 * something wrong fails the test. Callers: the other files here.
 */
#ifndef TESTS_RIG_H
#define TESTS_RIG_H

#include "claims.h"
#include "stats.h"
#include "traffic.h"

/* How long a device may take for anything at all. */
#define RIG_PATIENCE_MS (10000 * claims_patience())

/* Bytes of a value in debugfs. */
enum { RIG_STATE_VALUE = 256 };

/**
 * struct rig - a port under test
 * @port: the port.
 * @variant: what is tested.
 * @report: what became of the frames of rig_run().
 * @tx_slots: guest address of memory for the chains of rig_add_tx().
 */
struct rig {
	struct vhc_port port;
	const struct variant *variant;
	struct vhc_traffic_report report;
	uint64_t tx_slots;
};

struct vhc_traffic_config rig_traffic(uint64_t count);
void rig_open(struct rig *rig, const struct variant *variant,
	      const struct vhc_port_config *config);
void rig_open_shared(struct rig *rig, const struct variant *variant,
		     const struct vhc_port_config *config);
void rig_start(struct rig *rig);
void rig_run(struct rig *rig, const struct vhc_traffic_config *traffic);
void rig_close(struct rig *rig);
void rig_exchange(const struct variant *variant, const struct vhc_port_config *config,
		  const struct vhc_traffic_config *traffic);

struct vhc_driver *rig_driver(struct rig *rig, unsigned int index);
struct vhc_seg rig_tx_seg(struct rig *rig, uint64_t number);
void rig_add_tx(struct rig *rig, uint64_t number);
void rig_expect_tx(struct rig *rig, uint64_t number);
void rig_post_rx(struct rig *rig, uint64_t addr, unsigned int bytes);
void rig_send_rx(struct rig *rig, uint64_t number, size_t len);
void rig_expect_rx(struct rig *rig, uint64_t want);
void rig_spin_until_used(struct rig *rig, unsigned int index, uint16_t want);
void rig_settle(void);
unsigned int rig_instance(const struct rig *rig);
void rig_reset_queue(struct rig *rig, unsigned int index);
void rig_state_path(const struct rig *rig, char *path, size_t size);
bool rig_state(const struct rig *rig, const char *name, char *value);
void rig_set_parameter(const char *name, unsigned int value);

#endif
