/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the worker tests look at: threads, and what a device leaves behind.
 */
#ifndef TESTS_THREADS_H
#define TESTS_THREADS_H

#include <sys/types.h>

#include "claims.h"
#include "rig.h"

/* The claims that worker-test.c runs beside its own, by the file that makes them. */
extern const struct claim cgroup_claims[];
extern const size_t cgroup_claim_num;
extern const struct claim end_claims[];
extern const size_t end_claim_num;

/**
 * struct residue - what would grow if something were left behind
 * @threads: named as workers are, of all processes.
 * @users: references to the module.
 * @files: that are open on this host, eventfds and sockets too.
 * @kib: of vmalloc(), of kernel stacks and of slabs.
 */
struct residue {
	unsigned int threads;
	unsigned int users;
	unsigned int files;
	unsigned int kib[3];
};

bool find_number(const char *path, const char *name, unsigned int *number);
unsigned int thread_of_process(pid_t pid, int fd, unsigned int queue);
unsigned int thread_of(const struct vhc_dev *dev, unsigned int queue);
void thread_read(unsigned int tid, const char *file, char *text, size_t size);
void thread_field(unsigned int tid, const char *field, char *text, size_t size);
void threads_expect(unsigned int count);
bool has_worker_ioctls(const struct vhc_dev *dev);
unsigned int parameter_read(const char *name);
int parameter_write(const char *name, const char *value);
void residue_read(struct residue *residue);
void residue_expect(const struct residue *before, unsigned int devices);

#endif
