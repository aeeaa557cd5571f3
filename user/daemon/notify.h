/* SPDX-License-Identifier: Apache-2.0 */
/* What the service manager hears of (the gate to libsystemd). Without one, nothing happens. */
#ifndef DAEMON_NOTIFY_H
#define DAEMON_NOTIFY_H

/* Serving; `status` is one line for people. */
void notify_ready(const char *status);
void notify_stopping(void);
/* Alive; every second is often enough. */
void notify_watchdog(void);

#endif
