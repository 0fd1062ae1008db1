/*
 * message/document.h - the whole document as a tree, for the strategy that asks for it.
 *
 * Built on demand from a payload that the decoder accepted, by the decoder's own grammar, so that
 * both see the same: the last of duplicate keys, 64-bit integers, texts with a NUL in them, objects
 * and arrays as they are in the message, non-finite numbers as MISSING. (cJSON's tree would lose
 * each of these, and its allocator is shared with every strategy that uses cJSON itself.) One
 * thread at a time. The payload must live as long as the document.
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

/* Serves the SDK's `document` service on this tree: T5_OK, T5_END if there is no such value or
 * child, T5_ERROR for a malformed path. Text in the answer lives as long as the document. Children
 * are counted without duplicates, each at the place of the one that stays; one that is NaN or
 * infinite is a child whose value is MISSING. */
int32_t document_look(struct document *document, t5_document *query);

#endif
