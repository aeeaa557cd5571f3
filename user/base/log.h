/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines on stderr with the syslog priority prefixes that the journal reads ("<3>..."), when
 * stderr is not a terminal. Programs log; libraries report through struct failure. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7
};

/* Sets the program's name in front of every line and the highest level that is printed. */
void log_setup(const char *program, enum log_level highest);
/* Another name from here on: a process that was forked off plays another part. */
void log_rename(const char *program);
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)	 log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)	 log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)	 log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
