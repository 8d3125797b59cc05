/* link_watch.c: see link_watch.h. */
#include "agent/link_watch.h"
#include "common/base/clock.h"
#include "common/base/log.h"

enum { SILENT_BEATS = 10, SILENT_LEAST_S = 10, SILENT_AGAIN_S = 600 };

void link_watch_heard(agent_t *agent) {
    if (agent->silence_boot_us != 0) {
        log_info("the coordinator is heard again", "coordinator",
                 agent->config->coordinator.address);
    }
    agent->heard_boot_us = clock_boot_us();
    agent->silence_boot_us = 0;
}

static int64_t patience_of(const agent_t *agent) {
    int64_t patience = SILENT_BEATS * agent->heartbeat_us;
    return patience > SILENT_LEAST_S * US_PER_S ? patience : SILENT_LEAST_S * US_PER_S;
}

/* Reports and inventory are sent once on a connection: where one was dropped on its way, or by a
 * coordinator that had no room, the word that it owes never comes. What stands is then given up for
 * another connection, whose welcome says from where on all is to be said again. */
static void watch_owed(agent_t *agent, int64_t now) {
    bool owed = agent->sent_report > agent->acknowledged || agent->reading != NULL;
    bool moved = agent->acknowledged != agent->owed_from || agent->part != agent->owed_part;
    if (!agent->welcomed || !owed || moved) {
        agent->owed_boot_us = now;
        agent->owed_from = agent->acknowledged;
        agent->owed_part = agent->part;
    } else if (now - agent->owed_boot_us > patience_of(agent)) {
        agent->owed_boot_us = now;
        dialer_redial(agent->dialer, "what was sent is not acknowledged");
    }
}

/* Connected, and nothing that we say is answered: every beat would be, and every hello. Whoever
 * looks at this host alone must find out why nothing is done here; and where it is the way between
 * that is broken, another connection finds another one. */
static void watch_silence(agent_t *agent, int64_t now) {
    char key[KEYTEXT_PUBLIC_SIZE];
    int64_t patience = patience_of(agent);
    bool told =
        agent->silence_boot_us != 0 && now - agent->silence_boot_us < SILENT_AGAIN_S * US_PER_S;
    if (now - agent->watched_boot_us > patience / 2) {
        /* it was us who slept: what came meanwhile is not read yet */
        agent->heard_boot_us = agent->owed_boot_us = now;
    }
    agent->watched_boot_us = now;
    if (agent->estranged || now - agent->heard_boot_us < patience) {
        return;
    }
    if (!told) {
        agent->silence_boot_us = now;
        log_warning("the coordinator says nothing", "code",
                    error_code_text(ERROR_COORDINATOR_SILENT), "coordinator",
                    agent->config->coordinator.address, "seconds",
                    LOG_NUMBER((now - agent->heard_boot_us) / US_PER_S), "key",
                    keytext_public_text(keyfile_public(agent->curve_key), key), "hint",
                    error_code_hint(ERROR_COORDINATOR_SILENT));
    }
    dialer_redial(agent->dialer, "nothing was heard of the coordinator");
}

void link_watch(agent_t *agent, int64_t now) {
    watch_silence(agent, now);
    watch_owed(agent, now);
}
