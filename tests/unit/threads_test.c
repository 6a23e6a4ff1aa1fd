#include "rig.h"
static const struct CMUnitTest t[1];
const struct suite threads_suite={t,0};
