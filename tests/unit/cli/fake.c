/* fake.c: see fake.h. One thread runs the coordinator's loop; the test's own runs the command. */
#include "tests/unit/cli/fake.h"
#include "cli/paper.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/crypto/keyfile.h"
#include "common/crypto/random.h"
#include "common/wire/codec.h"
#include "common/wire/listener.h"

#include <fcntl.h>
#include <pthread.h>
#include <pty.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

enum { TICK_MS = 2, REPLIES = 64, KEPT = 64, PATH_SIZE = 256 };

struct fake {
    char folder[64];
    fake_reply_t replies[REPLIES];
    bool used[REPLIES];
    size_t reply_count;
    char *kept[KEPT]; /* texts that replies borrow */
    size_t kept_count;
    zap_peer_t operator;
    bool stranger;
    bool absent;
    curve_public_t key;
    uint8_t secret[CURVE_BYTES];
    char endpoint[64];
    pthread_t thread;
    sem_t ready;
    atomic_bool stop;
    pthread_mutex_t lock; /* of what follows */
    buffer_t asked;
    buffer_t asked_copy;
    ident_t last_id;
    size_t ids;
    /* of the thread alone */
    zloop_t *loop;
    zap_t *zap;
    listener_t *listener;
};

/* ------------------------------------------------------------------ the coordinator */

static const fake_reply_t *find_reply(fake_t *self, const char *verb) {
    const fake_reply_t *last = NULL;
    for (size_t i = 0; i < self->reply_count; i++) {
        if (strcmp(self->replies[i].verb, verb) != 0) {
            continue;
        }
        last = &self->replies[i];
        if (!self->used[i]) {
            self->used[i] = true;
            break;
        }
    }
    return last;
}

static void send_answer(fake_t *self, const route_t *route, uint32_t number,
                        const fake_reply_t *reply) {
    CLEANUP(buffer_free) buffer_t sealed = {0};
    error_t err;
    Drover__Answer answer = DROVER__ANSWER__INIT;
    char empty[] = "";
    char none[] = "{}";
    char unknown[] = "DRV-1006";
    answer.number = number;
    answer.code = reply == NULL         ? unknown
                  : reply->code != NULL ? (char *)(uintptr_t)reply->code
                                        : empty;
    answer.message =
        reply != NULL && reply->message != NULL ? (char *)(uintptr_t)reply->message : empty;
    answer.hint = reply != NULL && reply->hint != NULL ? (char *)(uintptr_t)reply->hint : empty;
    answer.document =
        reply != NULL && reply->document != NULL ? (char *)(uintptr_t)reply->document : none;
    answer.more = reply != NULL && reply->next != NULL;
    answer.next = answer.more ? (char *)(uintptr_t)reply->next : empty;
    if (codec_seal(DROVER__KIND__KIND_ANSWER, &answer.base, NULL, &sealed, &err) == STATUS_OK) {
        (void)(listener_answer(self->listener, route, sealed.data, sealed.size, &err) == STATUS_OK);
    }
}

static void note(fake_t *self, const char *verb, const char *arguments, const ident_t *id) {
    (void)pthread_mutex_lock(&self->lock);
    buffer_format(&self->asked, "%s %s\n", verb, arguments);
    if (id != NULL && !ident_equal(id, &self->last_id)) {
        self->last_id = *id;
        self->ids++;
    }
    (void)pthread_mutex_unlock(&self->lock);
}

static void on_message(void *context, const listener_message_t *received) {
    fake_t *self = context;
    CLEANUP(message_destroy_p) message_t *message = NULL;
    envelope_t envelope;
    error_t err;
    if (codec_open(received->bytes, received->size, PARTY_OPERATOR, &envelope, &err) != STATUS_OK) {
        return;
    }
    bool question = envelope.kind->kind == DROVER__KIND__KIND_QUESTION;
    if (codec_unpack(&envelope, question ? &received->peer->sign : NULL, &message, &err) !=
        STATUS_OK) {
        return;
    }
    char arguments[128] = "";
    ident_t id = {0};
    if (question) {
        memcpy(id.bytes, message->question->id.data, sizeof id.bytes);
    } else {
        (void)snprintf(arguments, sizeof arguments, "%llu+%zu of %llu",
                       (unsigned long long)message->bundle_put->offset,
                       message->bundle_put->data.len,
                       (unsigned long long)message->bundle_put->total);
    }
    const char *verb = question ? message->question->verb : "bundle.put";
    note(self, verb, question ? message->question->arguments : arguments, question ? &id : NULL);
    const fake_reply_t *reply = find_reply(self, verb);
    if (reply != NULL && reply->interrupt) {
        (void)kill(getpid(), SIGINT);
    }
    if (reply == NULL || !reply->silent) {
        send_answer(self, &received->route,
                    question ? message->question->number : message->bundle_put->number, reply);
    }
}

static int on_tick(zloop_t *loop, int timer, void *context) {
    fake_t *self = context;
    (void)loop;
    (void)timer;
    return atomic_load(&self->stop) ? -1 : 0;
}

static bool open_sockets(fake_t *self) {
    error_t err;
    const transport_options_t options = {.endpoint = "tcp://127.0.0.1:*", .secret = self->secret};
    const listener_calls_t calls = {.context = self, .receive = on_message};
    self->loop = zloop_new();
    zloop_set_nonstop(self->loop, true);
    return zap_new(self->loop, NULL, NULL, &self->zap, &err) == STATUS_OK &&
           zap_set_peers(self->zap, &self->operator, self->stranger ? 0 : 1, &err) == STATUS_OK &&
           listener_new(self->loop, self->zap, &options, &calls, &self->listener, &err) ==
               STATUS_OK;
}

static void *serve(void *context) {
    fake_t *self = context;
    sigset_t all; /* signals are for the command's thread */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_BLOCK, &all, NULL);
    if (open_sockets(self)) {
        (void)snprintf(self->endpoint, sizeof self->endpoint, "%s",
                       listener_endpoint(self->listener));
    }
    if (self->absent) { /* its port was free a moment ago */
        listener_destroy(&self->listener);
    }
    (void)sem_post(&self->ready);
    (void)zloop_timer(self->loop, TICK_MS, 0, on_tick, self);
    (void)zloop_start(self->loop);
    listener_destroy(&self->listener);
    zap_destroy(&self->zap);
    zloop_destroy(&self->loop);
    return NULL;
}

/* ------------------------------------------------------------------ its folder */

const char *fake_path(fake_t *self, const char *name, char buffer[PATH_SIZE]) {
    (void)snprintf(buffer, PATH_SIZE, "%s/%s", self->folder, name);
    return buffer;
}

void fake_write(fake_t *self, const char *name, const char *text) {
    char path[PATH_SIZE];
    FILE *file = fopen(fake_path(self, name, path), "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

char *fake_read(fake_t *self, const char *name) {
    char path[PATH_SIZE];
    buffer_t text = {0};
    FILE *file = fopen(fake_path(self, name, path), "r");
    char bytes[4096];
    size_t got = 0;
    if (file == NULL) {
        return NULL;
    }
    while ((got = fread(bytes, 1, sizeof bytes, file)) > 0) {
        buffer_append(&text, bytes, got);
    }
    assert_int_equal(fclose(file), 0);
    buffer_text(&text, "");
    return buffer_take(&text);
}

static void make_keys(fake_t *self) {
    char path[PATH_SIZE];
    error_t err;
    key_public_t sign;
    key_public_t curve;
    const keyfile_new_t operator= {
        .path = fake_path(self, "operator.key", path), .kind = KEY_OPERATOR, .name = "olga"};
    assert_int_equal(keyfile_create(&operator, & sign, &err), STATUS_OK);
    const keyfile_new_t transport = {
        .path = fake_path(self, "curve.key", path), .kind = KEY_CURVE, .name = "olga"};
    assert_int_equal(keyfile_create(&transport, &curve, &err), STATUS_OK);
    curve_keypair(&self->key, self->secret);
    self->operator.party = PARTY_OPERATOR;
    (void)strcpy(self->operator.name, "olga");
    memcpy(self->operator.key.bytes, curve.bytes, CURVE_BYTES);
    memcpy(self->operator.sign.bytes, sign.bytes, SIGN_PUBLIC_BYTES);
}

static void write_config(fake_t *self, const char *timeout) {
    char key[Z85_KEY_SIZE];
    char path[PATH_SIZE];
    buffer_t text = {0};
    buffer_format(&text,
                  "coordinator: {address: \"%s\", curve: \"%s\"}\n"
                  "keys: {sign: operator.key, curve: curve.key}\ntimeout: %s\n",
                  self->endpoint, keytext_z85(self->key.bytes, key), timeout);
    fake_write(self, "drover.yaml", buffer_string(&text));
    assert_int_equal(setenv("DROVER_CONFIG", fake_path(self, "drover.yaml", path), 1), 0);
    buffer_free(&text);
}

/* ------------------------------------------------------------------ what it answers */

void fake_add(fake_t *self, const fake_reply_t *reply) {
    assert_true(self->reply_count < REPLIES);
    self->replies[self->reply_count++] = *reply;
}

const char *fake_keep(fake_t *self, json_t *document) {
    assert_true(self->kept_count < KEPT);
    char *text = json_dumps(document, JSON_COMPACT);
    assert_non_null(text);
    json_decref(document);
    self->kept[self->kept_count++] = text;
    return text;
}

const sign_public_t *fake_operator(const fake_t *self) {
    return &self->operator.sign;
}

void fake_draft_lie(fake_t *self, json_t *plan, order_kind_t kind, fake_lie_t *tell) {
    drafts_order_t draft;
    drafts_fill(plan, kind, clock_wall_us(), &draft);
    draft.order.proposer = self->operator.sign;
    if (tell != NULL) {
        tell(&draft);
    }
    document_t *paper = drafts_write(&draft);
    drafts_add(plan, paper);
    document_destroy(&paper);
    fake_add(self, &(fake_reply_t){.verb = "order.draft", .document = fake_keep(self, plan)});
}

void fake_draft(fake_t *self, json_t *plan, order_kind_t kind) {
    fake_draft_lie(self, plan, kind, NULL);
}

document_t *fake_paper(fake_t *self, const char *verb, const char *argument) {
    CLEANUP(free_p) char *asked = strdup(fake_asked(self));
    document_t *paper = NULL;
    char *rest = NULL;
    for (char *line = strtok_r(asked, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        size_t length = strlen(verb);
        if (strncmp(line, verb, length) != 0 || line[length] != ' ') {
            continue;
        }
        json_t *arguments = json_loads(line + length + 1, 0, NULL);
        const paper_place_t place = {.answer = arguments, .path = argument};
        error_t err;
        document_destroy(&paper);
        if (json_object_get(arguments, argument) != NULL) {
            paper_place_t any = place;
            for (int kind = DOCUMENT_TRUST; kind < DOCUMENT_KIND_END && paper == NULL; kind++) {
                any.kind = (document_kind_t)kind;
                (void)(paper_read(&any, &paper, &err) == STATUS_OK);
            }
        }
        json_decref(arguments);
    }
    return paper;
}

fake_t *fake_start(const fake_options_t *options, const fake_reply_t *replies, size_t count) {
    fake_t *self = calloc(1, sizeof *self);
    error_t err;
    assert_non_null(self);
    assert_true(count <= REPLIES);
    assert_int_equal(random_start(&err), STATUS_OK);
    assert_int_equal(transport_start(&err), STATUS_OK);
    (void)strcpy(self->folder, "/tmp/drover_cli_XXXXXX");
    assert_non_null(mkdtemp(self->folder));
    for (size_t i = 0; i < count; i++) {
        fake_add(self, &replies[i]);
    }
    self->stranger = options->stranger;
    self->absent = options->absent;
    assert_int_equal(pthread_mutex_init(&self->lock, NULL), 0);
    assert_int_equal(sem_init(&self->ready, 0, 0), 0);
    make_keys(self);
    assert_int_equal(pthread_create(&self->thread, NULL, serve, self), 0);
    while (sem_wait(&self->ready) != 0) { /* an interrupted wait is begun again */
    }
    assert_string_not_equal(self->endpoint, "");
    write_config(self, options->timeout != NULL ? options->timeout : "10s");
    return self;
}

void fake_stop(fake_t **self_p) {
    fake_t *self = *self_p;
    char command[PATH_SIZE];
    atomic_store(&self->stop, true);
    (void)pthread_join(self->thread, NULL);
    (void)pthread_mutex_destroy(&self->lock);
    (void)sem_destroy(&self->ready);
    (void)snprintf(command, sizeof command, "rm -rf %s", self->folder);
    assert_int_equal(system(command), 0);
    buffer_free(&self->asked);
    buffer_free(&self->asked_copy);
    for (size_t i = 0; i < self->kept_count; i++) {
        free(self->kept[i]);
    }
    free(self);
    *self_p = NULL;
}

const char *fake_asked(fake_t *self) {
    (void)pthread_mutex_lock(&self->lock);
    buffer_clear(&self->asked_copy);
    buffer_text(&self->asked_copy, buffer_string(&self->asked));
    (void)pthread_mutex_unlock(&self->lock);
    return buffer_string(&self->asked_copy);
}

size_t fake_ids(fake_t *self) {
    (void)pthread_mutex_lock(&self->lock);
    size_t ids = self->ids;
    (void)pthread_mutex_unlock(&self->lock);
    return ids;
}

/* ------------------------------------------------------------------ running a command */

/* Everything that stands in a descriptor, from its start. */
static char *slurp(int fd) {
    buffer_t text = {0};
    char bytes[4096];
    ssize_t got = 0;
    (void)lseek(fd, 0, SEEK_SET);
    while ((got = read(fd, bytes, sizeof bytes)) > 0) { /* a terminal's end is EIO */
        buffer_append(&text, bytes, (size_t)got);
    }
    buffer_text(&text, "");
    return buffer_take(&text);
}

/* The three standard descriptors put elsewhere, and back. */
typedef struct streams {
    int saved[3];
} streams_t;

static streams_t redirect(int in, int out, int errors) {
    const int to[3] = {in, out, errors};
    streams_t streams;
    (void)fflush(NULL);
    for (int i = 0; i < 3; i++) {
        streams.saved[i] = dup(i);
        assert_true(dup2(to[i], i) == i);
    }
    return streams;
}

static void put_back(const streams_t *streams) {
    (void)fflush(stdout);
    (void)fflush(stderr);
    for (int i = 0; i < 3; i++) {
        assert_true(dup2(streams->saved[i], i) == i);
        (void)close(streams->saved[i]);
    }
    clearerr(stdin);
}

static void run_line(fake_t *self, const char *const words[FAKE_WORDS], fake_run_t *run) {
    static command_input_t input;
    static char copies[FAKE_WORDS][PATH_SIZE];
    char *argv[FAKE_WORDS + 1] = {(char[]){"drover"}};
    int argc = 1;
    for (int i = 0; i < FAKE_WORDS && words[i] != NULL; i++) {
        (void)snprintf(copies[i], sizeof copies[i], "%s", words[i]);
        argv[argc++] = words[i][0] == '@'
                           ? (char *)(uintptr_t)fake_path(self, words[i] + 1, copies[i])
                           : copies[i];
    }
    status_t status =
        command_parse(&CLI_TREE, (command_line_t){.argc = argc, .argv = argv}, &input, &run->err);
    if (status == STATUS_OK) {
        status = command_chosen(&input)->run(&input, &run->err);
    }
    run->exit_code = status == STATUS_OK ? 0 : error_code_exit(run->err.code);
}

fake_run_t fake_run(fake_t *self, const char *const words[FAKE_WORDS]) {
    fake_run_t run = {0};
    int in = open("/dev/null", O_RDONLY);
    int out = memfd_create("out", 0);
    int errors = memfd_create("errors", 0);
    streams_t streams = redirect(in, out, errors);
    run_line(self, words, &run);
    put_back(&streams);
    run.out = slurp(out);
    run.errors = slurp(errors);
    (void)close(in);
    (void)close(out);
    (void)close(errors);
    return run;
}

static void *read_terminal(void *context) {
    return slurp(*(const int *)context);
}

fake_run_t fake_run_on_terminal(fake_t *self, const char *typed,
                                const char *const words[FAKE_WORDS]) {
    fake_run_t run = {0};
    int master = -1;
    int slave = -1;
    pthread_t reader;
    void *text = NULL;
    struct winsize size = {.ws_row = 24, .ws_col = 100};
    assert_int_equal(openpty(&master, &slave, NULL, NULL, &size), 0);
    assert_true(write(master, typed, strlen(typed)) == (ssize_t)strlen(typed));
    assert_int_equal(pthread_create(&reader, NULL, read_terminal, &master), 0);
    streams_t streams = redirect(slave, slave, slave);
    run_line(self, words, &run);
    put_back(&streams);
    (void)close(slave);
    assert_int_equal(pthread_join(reader, &text), 0);
    run.out = text;
    (void)close(master);
    return run;
}

void fake_run_free(fake_run_t *run) {
    free(run->out);
    free(run->errors);
    *run = (fake_run_t){0};
}
