#include "rig.h"
static const struct CMUnitTest t[1];
const struct suite hostile_suite={t,0};
