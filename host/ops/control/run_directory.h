/*
 * ops/control/run_directory.h - the run directory, which holds the control socket: private.
 *
 * Mode 0700; with a [control] group 0710 and that group, so that its members come through to the
 * socket and see nothing else. One that is there already and is open wider is closed when there is
 * nothing in it but what a take5 puts there; otherwise it is somebody else's too (/run, /tmp, a
 * home), and refused: closing it could hurt, leaving it open would let others replace the socket.
 */
#ifndef TAKE5_OPS_CONTROL_RUN_DIRECTORY_H
#define TAKE5_OPS_CONTROL_RUN_DIRECTORY_H

#include "base/error.h"
#include "log/log.h"
#include "os/trust.h"

/* Makes the run directory, and what leads to it; logs what was changed. Refused when others
 * could have put it there. `group` NULL: owner only. With `trust` off one of root's that may
 * be written is taken as it is: what Kubernetes makes of an empty volume. */
bool run_directory_make(const char *path, const char *group, const struct trust *trust,
                        struct log *log, struct error *error);

#endif
