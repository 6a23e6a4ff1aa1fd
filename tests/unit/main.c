// SPDX-License-Identifier: GPL-2.0
/*
 * Runs every test, with each ring layout that it is for, or those whose name matches the argument
 * (with * and ?). CMOCKA_MESSAGE_OUTPUT=TAP gives TAP.
 */
#include <unistd.h>

#include "rig.h"

static const struct suite *const suites[] = {
	&take_suite, &rewind_suite, &bad_suite, &broken_suite, &used_suite, &event_suite,
	&packed_suite, &lies_suite, &in_order_suite, &iommu_suite, &model_suite, &threads_suite,
	&hostile_suite,
};

static const struct layout {
	unsigned int is, features;
	const char *name;
} layouts[] = {
	{ SPLIT_LAYOUT, 0, "split" },
	{ PACKED_LAYOUT, PACKED, "packed" },
};

static int with_layout(void **state)
{
	const struct layout *layout = *state;

	rig_layout = layout->features;
	/* SIGALRM ends the program. */
	alarm(env_u64("WATCHDOG", 120));
	return 0;
}

int main(int argc, char **argv)
{
	struct CMUnitTest all[256];
	size_t num = 0, i, k, l;
	int failed;

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	for (l = 0; l < ARRAY_SIZE(layouts); l++) {
		for (i = 0; i < ARRAY_SIZE(suites); i++) {
			for (k = 0; k < suites[i]->num; k++) {
				const struct test *test = &suites[i]->test[k];
				char *name;

				if (!(test->layouts & layouts[l].is))
					continue;
				if (asprintf(&name, "%s, %s", test->test.name, layouts[l].name) < 0)
					return 1;
				all[num] = test->test;
				all[num].name = name;
				all[num].setup_func = with_layout;
				all[num++].initial_state = (void *)&layouts[l];
			}
		}
	}
	failed = _cmocka_run_group_tests("ring", all, num, NULL, NULL);
	while (num)
		free((void *)all[--num].name);
	return failed ? 1 : 0;
}
