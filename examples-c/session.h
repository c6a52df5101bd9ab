/* What an example needs before it can do its work: a running daemon and a linked filespace.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef SESSION_H
#define SESSION_H

#include <stdio.h>
#include <stdlib.h>

#include <lucidlink.h>

struct session {
    ll_daemon daemon;
    ll_workspace workspace;
    ll_filespace filespace;
};

/* Ends the program if a call failed. The message says what failed, on what, and what to do. */
static inline void check(ll_status status, const char *call, const ll_error *err) {
    if (status != LL_OK) {
        fprintf(stderr, "%s: %s: %s\n", call, ll_status_name(status), err->message);
        exit(EXIT_FAILURE);
    }
}

/* Reads LUCIDLINK_TOKEN; LUCIDLINK_WORKSPACE_URL says where the workspace is. */
static inline void session_open(struct session *session, const char *name, ll_error *err) {
    const char *token = getenv("LUCIDLINK_TOKEN");
    ll_link_options options = LL_LINK_OPTIONS_INIT;

    if (token == NULL) {
        fprintf(stderr, "LUCIDLINK_TOKEN is not set: it holds the token of a service account, sa_live:...\n");
        exit(EXIT_FAILURE);
    }
    options.name = name;
    check(ll_daemon_new(LL_INVALID_HANDLE, NULL, &session->daemon, err), "ll_daemon_new", err);
    check(ll_daemon_start(session->daemon, err), "ll_daemon_start", err);
    check(ll_authenticate(session->daemon, token, &session->workspace, err), "ll_authenticate", err);
    check(ll_workspace_link_filespace(session->workspace, &options, &session->filespace, err),
          "ll_workspace_link_filespace", err);
}

/* Stop makes everything survive power loss, and says so if it could not. */
static inline void session_close(struct session *session, ll_error *err) {
    ll_filespace_free(session->filespace);
    ll_workspace_free(session->workspace);
    check(ll_daemon_stop(session->daemon, err), "ll_daemon_stop", err);
    ll_daemon_free(session->daemon);
}

#endif
