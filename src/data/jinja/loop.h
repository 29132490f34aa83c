// Loops, and what `loop` tells inside of them.
#pragma once

#include "data/jinja/nodes.h"

namespace fettle::jinja {

/// Runs the body once per item that the loop's condition keeps, or its `else` when there is none. `depth`:
/// how many loops that it is a recursion of lie around it.
void run_loop(Runtime& runtime, const Loop& loop, const Value& iterated, int depth);

}  // namespace fettle::jinja
