/*
 * engine/core/redrive_outcome.h - what became of a dead letter that was given once more
 * (engine/redrive.h).
 */
#ifndef TAKE5_ENGINE_CORE_REDRIVE_OUTCOME_H
#define TAKE5_ENGINE_CORE_REDRIVE_OUTCOME_H

enum redrive_outcome {
    REDRIVE_GIVEN = 1,   /* on_message returned OK, and the sinks have confirmed its signals */
    REDRIVE_UNCONFIRMED, /* on_message returned OK; its signals may or may not be safe */
    REDRIVE_UNWANTED,    /* the deployment's topics, symbols or time frames leave it out */
    REDRIVE_REJECTED,    /* on_message rejected it once more */
    REDRIVE_FAILED,      /* on_message answered with an error, there is no instance, no memory */
    REDRIVE_UNUSABLE,    /* it cannot be decoded still */
    REDRIVE_SUSPENDED,   /* the instance is suspended */
    REDRIVE_ELSEWHERE,   /* this host does not hold the topic's partition, or read the topic */
    REDRIVE_UNKNOWN,     /* no such deployment */
    REDRIVE_BUSY,        /* the lane did not come to it, or the host is stopping */
    REDRIVE_OUTCOMES
};

#endif
