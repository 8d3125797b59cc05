/* host.c: see host.h. */
#include "tests/unit/agent/trust/host.h"

#include "common/crypto/random.h"
#include "tests/unit/scratch.h"

enum { CHUNK = 200, TURNS = 10000 };

void host_must(status_t status, const error_t *err) {
    if (status != STATUS_OK) {
        char line[1024];
        fail_msg("%s", error_line(err, line, sizeof line));
    }
}

void host_path(const host_t *host, const char *name, char path[HOST_PATH]) {
    (void)snprintf(path, HOST_PATH, "%s/%s", host->folder, name);
}

void host_write_pin(host_t *host) {
    CLEANUP(document_destroy_p) document_t *document = NULL;
    char path[HOST_PATH];
    error_t err = {0};
    host_path(host, "trust.root", path);
    MUST(world_write_trust(&host->world, &document, &err));
    MUST(trust_file_write(document, path, &err));
}

static status_t open_rooms(host_t *host, error_t *err) {
    char path[HOST_PATH];
    host_path(host, "state", path);
    TRY(journal_open(path, &host->journal, err));
    host_path(host, "trust.root", path);
    TRY(keeper_open(path, host->journal, &host->keeper, err));
    host_path(host, "papers", path);
    TRY(papers_new(path, &host->papers, err));
    court_rooms_t rooms = {
        .keeper = host->keeper, .papers = host->papers, .journal = host->journal};
    return court_new(&rooms, &host->court, err);
}

static void close_rooms(host_t *host) {
    court_destroy(&host->court);
    papers_destroy(&host->papers);
    keeper_destroy(&host->keeper);
    journal_close(&host->journal);
}

void host_open(host_t *host) {
    error_t err = {0};
    memset(host, 0, sizeof *host);
    MUST(random_start(&err));
    world_keys();
    world_open(&host->world);
    (void)snprintf(host->folder, sizeof host->folder, "/tmp/drover-host-XXXXXX");
    assert_non_null(mkdtemp(host->folder));
}

void host_start(host_t *host) {
    error_t err = {0};
    host_write_pin(host);
    MUST(open_rooms(host, &err));
}

status_t host_restart(host_t *host, error_t *err) {
    TRY(journal_commit(host->journal, err));
    close_rooms(host);
    return open_rooms(host, err);
}

void host_close(host_t *host) {
    close_rooms(host);
    for (size_t i = 0; i < host->served_count; i++) {
        buffer_free(&host->served[i].bytes);
    }
    buffer_free(&host->proof);
    world_close(&host->world);
    assert_int_equal(scratch_remove(host->folder), 0);
}

/* ---- papers ---- */

void host_serve(host_t *host, const digest_t *digest, const buffer_t *bytes) {
    assert_true(host->served_count < HOST_PAPERS);
    host->served[host->served_count].digest = *digest;
    buffer_append(&host->served[host->served_count].bytes, bytes->data, bytes->size);
    host->served_count++;
}

static void answer(host_t *host, const papers_want_t *want) {
    papers_chunk_t chunk = {.digest = want->digest, .offset = want->offset};
    host->asked++;
    for (size_t i = 0; i < host->served_count; i++) {
        const buffer_t *bytes = &host->served[i].bytes;
        if (digest_equal(&host->served[i].digest, &want->digest)) {
            size_t left = bytes->size - (size_t)want->offset;
            chunk.total = bytes->size;
            chunk.data = bytes->data + want->offset;
            chunk.size = left < CHUNK ? left : CHUNK;
        }
    }
    papers_take(host->papers, &chunk);
}

void host_aim(host_t *host, uint32_t wave, uint32_t index) {
    proof_t proof;
    error_t err = {0};
    host->world.wave = wave;
    host->world.index = index;
    MUST(world_proof(&host->world, &proof, &err));
    buffer_clear(&host->proof);
    proof_encode(&proof, &host->proof);
    host->job.proof = host->proof.data;
    host->job.proof_size = host->proof.size;
    host->job.tenant = proof.leaf.tenant;
    host->facts.cluster = proof.leaf.cluster;
}

/* The job that a coordinator makes of the order, and what the agent sees. */
static void fill_job(host_t *host) {
    const order_t *order = host->world.order;
    host->releasers[0] = *world_public(RELEASE_A);
    host->releasers[1] = *world_public(RELEASE_B);
    host->claim = (release_claim_t){.digest = order->bundle,
                                    .application = "app",
                                    .signers = host->releasers,
                                    .signer_count = 2};
    host->job = (warrant_job_t){
        .kind = JOB_KIND_FORWARD,
        .application = "app",
        .bundle = order->bundle,
        .target = order->target_position,
        .recovery_kind = host->world.plan_order.recovery_kind,
        .recovery_reason = host->world.plan_order.recovery_reason,
        .order = order->digest,
        .coordinator = *world_public(COORDINATOR),
    };
    host->facts = (warrant_facts_t){
        .now_us = host->world.now_us,
        .environment = "prod",
        .labels = host->world.labels,
        .bundle = &host->claim,
    };
}

void host_order(host_t *host) {
    world_t *world = &host->world;
    CLEANUP(buffer_free) buffer_t bytes = {0};
    error_t err = {0};
    order_destroy(&world->order);
    document_destroy(&world->order_document);
    MUST(world_write_order(world, &err));
    MUST(document_encode(world->order_document, &bytes, &err));
    host_serve(host, &world->order_document->id, &bytes);
    fill_job(host);
    host_aim(host, 0, 0);
}

void host_ticket(host_t *host) {
    error_t err = {0};
    MUST(world_write_ticket(&host->world, &err));
    host->job.ticket = ticket_digest(host->world.ticket.data, host->world.ticket.size);
    host_serve(host, &host->job.ticket, &host->world.ticket);
}

/* ---- words to all agents ---- */

status_t host_take(host_t *host, document_t *document, keeper_news_t *ret_news, error_t *err) {
    CLEANUP(buffer_free) buffer_t bytes = {0};
    TRY(document_encode(document, &bytes, err));
    keeper_paper_t paper = {.bytes = bytes.data, .size = bytes.size, .now_us = host->world.now_us};
    return keeper_take(host->keeper, &paper, ret_news, err);
}

status_t host_word(host_t *host, order_kind_t kind, const signers_t *signers, error_t *err) {
    static uint8_t serial;
    CLEANUP(document_destroy_p) document_t *document = NULL;
    keeper_news_t news = KEEPER_KNOWN;
    world_t *world = &host->world;
    order_t order = world->plan_approval;
    order.kind = kind;
    order.application = kind == ORDER_STOP ? "app" : "";
    order.environment = kind == ORDER_STOP ? "prod" : "";
    order.issued_us = order.not_before_us = world->now_us;
    order.expires_us = world->now_us + TRUST_DAY_US;
    order.proposer = *world_public(signers->keys[0]);
    order.subject_wave = 0;
    if (kind == ORDER_STOP) {
        order.subject = world->order->digest;
    }
    memset(order.id.bytes, ++serial, IDENT_BYTES);
    TRY(order_write(&order, &document, err));
    TRY(world_sign(document, signers, err));
    return host_take(host, document, &news, err);
}

/* ---- judging ---- */

court_answer_t host_judge(host_t *host, error_t *err) {
    court_answer_t found = COURT_COMING;
    host->facts.now_us = host->world.now_us;
    for (int turn = 0; turn < TURNS; turn++) {
        papers_want_t want;
        found = court_judge(host->court, &host->job, &host->facts, &host->warrant, err);
        if (found != COURT_COMING) {
            return found;
        }
        assert_true(papers_want(host->papers, 1, &want));
        answer(host, &want);
    }
    fail_msg("it never came");
    return found;
}

void host_grant(host_t *host) {
    error_t err = {0};
    if (host_judge(host, &err) != COURT_GRANTED) {
        host_must(STATUS_ERROR, &err);
    }
    MUST(court_accept(host->court, &host->job, &host->warrant, &err));
}

void host_refuses(host_t *host, error_code_t code) {
    error_t err = {0};
    court_answer_t found = host_judge(host, &err);
    if (found != COURT_REFUSED || err.code != code) {
        char line[1024];
        fail_msg("answer %d, %s instead of %s", (int)found, error_line(&err, line, sizeof line),
                 error_code_name(code));
    }
}
