#ifndef LATHE_UPDATE_H
#define LATHE_UPDATE_H

#include <stdbool.h>

/// The descriptor that curses writes to, from now on.
void lathe_update_to(int terminal);

/// Sends what changed, in one update and (on Linux) in one write, and leaves the cursor at (`x`, `y`).
void lathe_update(int y, int x, bool visible);

#endif
