/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel log, as a judge of tests. Callers: claims.c.
 */
#ifndef TESTS_KMSG_H
#define TESTS_KMSG_H

#include <stddef.h>

int kmsg_open(void);
int kmsg_find_splat(int fd, char *line, size_t size);

#endif
