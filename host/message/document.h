/*
 * message/document.h - the whole document as a cJSON tree, for the strategy that asks for it.
 *
 * Built on demand from a payload that the decoder found good. Sees duplicates as the decoder does:
 * the last one wins. One thread at a time.
 */
#ifndef TAKE5_MESSAGE_DOCUMENT_H
#define TAKE5_MESSAGE_DOCUMENT_H

#include "base/error.h"

#include <take5/host.h>

#include <stdbool.h>
#include <stddef.h>

struct document;

struct document *document_new(const char *payload, size_t size, struct error *error);
void document_free(struct document *document);

/* Serves the SDK's `document` service on this tree: T5_OK, T5_END when there is no such value or
 * child, T5_ERROR for a path that is not well formed. Text in the answer lives as long as the
 * document. */
int32_t document_look(struct document *document, t5_document *query);

#endif
