// SPDX-License-Identifier: GPL-2.0-only
#include "flip_int.h"

#define CREATE_TRACE_POINTS
#include <trace/events/flip.h>
