/*
 * engine/core/redrive_outcome.h - the outcome of redriving a dead letter (engine/redrive.h).
 */
#ifndef TAKE5_ENGINE_CORE_REDRIVE_OUTCOME_H
#define TAKE5_ENGINE_CORE_REDRIVE_OUTCOME_H

enum redrive_outcome {
    REDRIVE_GIVEN = 1,   /* on_message returned OK, and the sinks have confirmed its signals */
    REDRIVE_UNCONFIRMED, /* on_message returned OK; its signals may or may not be safe */
    REDRIVE_UNWANTED,    /* excluded by the deployment's topics, symbols or time frames */
    REDRIVE_REJECTED,    /* on_message rejected it again */
    REDRIVE_FAILED,      /* on_message returned an error, there is no instance, or no memory */
    REDRIVE_UNUSABLE,    /* it still cannot be decoded */
    REDRIVE_SUSPENDED,   /* the instance is suspended */
    REDRIVE_ELSEWHERE,   /* this host does not hold the topic's partition, or read the topic */
    REDRIVE_UNKNOWN,     /* no such deployment */
    REDRIVE_BUSY,        /* the lane did not get to it, or the host is stopping */
    REDRIVE_OUTCOMES
};

#endif
