// SPDX-License-Identifier: GPL-2.0
/*
 * Runs every test of the split ring, or those whose name matches the argument (with * and
 * ?). CMOCKA_MESSAGE_OUTPUT=TAP gives TAP.
 */
#include "rig.h"

static const struct suite *const suites[] = {
	&take_suite, &rewind_suite, &bad_suite, &broken_suite, &used_suite,
	&iommu_suite, &model_suite, &threads_suite, &hostile_suite,
};

int main(int argc, char **argv)
{
	struct CMUnitTest all[128];
	size_t num = 0, i;

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	for (i = 0; i < ARRAY_SIZE(suites); i++) {
		memcpy(&all[num], suites[i]->test, suites[i]->num * sizeof(all[0]));
		num += suites[i]->num;
	}
	return _cmocka_run_group_tests("ring-split", all, num, NULL, NULL) ? 1 : 0;
}
