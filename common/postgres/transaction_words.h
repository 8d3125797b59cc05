/*
 * transaction_words.h: what transaction_sql.c sends and transaction.c knows again.
 *
 * The first ones are texts that opening and record cast to a number in order to fail.
 */
#ifndef DROVER_POSTGRES_TRANSACTION_WORDS_H
#define DROVER_POSTGRES_TRANSACTION_WORDS_H

#define WORD_BUSY "drover: busy"
#define WORD_FENCED "drover: fenced"
#define WORD_NONE "drover: none"
#define WORD_HEAD "drover: head"
#define WORD_ESCAPED "drover: escaped"
#define WORD_LOGIN "drover: login"
#define WORD_EDITED "drover: edited"
#define WORD_FENCE "drover: fence"
#define WORD_GUARD "drover: guard"
#define WORD_SHAPE "drover: shape"

/* What drover.history's trigger says. */
#define WORD_TRIGGER "drover.history is append-only"

/* Prepared statements of a session. */
#define PREPARED_FENCE "drover_fence"
#define PREPARED_RECORD "drover_record"
enum { PREPARED_STATEMENTS = 2 };

#endif
