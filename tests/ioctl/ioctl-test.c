// SPDX-License-Identifier: GPL-2.0
/*
 * Claims about the ioctls: what is refused, with which error, and in which order things are
 * checked. What holds for /dev/vhost-net must hold for /dev/vhost-custom.
 *
 * No frame moves here; that is data/data-test.c.
 */
#include "parts.h"

static const struct part *const parts[] = {
	&about_features, &about_owner, &about_argument, &about_ring, &about_eventfd, &about_memory,
	&about_backend, &about_file, &about_counters, &about_newer, &about_packed,
};

int main(int argc, char **argv)
{
	size_t i;

	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		claims_add(parts[i]->claims, parts[i]->num);
	return claims_main(argc, argv);
}
