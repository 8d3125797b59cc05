/*
 * failpoint.h: places where a test can end the program. In builds with DROVER_FAILPOINTS only; a
 * release has none of this.
 *
 *     DROVER_FAILPOINT=agent.change.before-commit        dies by SIGKILL at the first pass
 *     DROVER_FAILPOINT=agent.change.before-commit@3      at the third
 *     DROVER_FAILPOINT=agent.change.before-commit=stop   stops by SIGSTOP instead
 *
 * Before it dies it prints `failpoint NAME` on stderr, so that a test can wait for it.
 */
#ifndef DROVER_BASE_FAILPOINT_H
#define DROVER_BASE_FAILPOINT_H

#ifdef DROVER_FAILPOINTS
void failpoint_pass(const char *name);
#define FAILPOINT(name) failpoint_pass(name)
#else
#define FAILPOINT(name) ((void)0)
#endif

#endif
