/*
 * ops/page/page_process.h - what the page asks each process of a host, besides what anybody may
 * ask. Inside of the host: nobody else relies on the form.
 *
 *   PAGE_LOOK?since=NS   {"now_ns":...,        monotonic, which all processes of a machine share
 *                         "memory_bytes":...,
 *                         "series":N,          how many there are
 *                         "latency":{"bounds_us":[...],"counts":[...]},
 *                         "quotes":[[SYMBOL,TIME_FRAME_S,TIME_MS,PRICE],...],
 *                                            the first PAGE_SERIES
 *                         "signals":[...]}     that came in [since, now), oldest first
 *   PAGE_QUOTES/SYMBOL     {"quotes":[...]}      of that symbol
 *   PAGE_PUBLISHED/SYMBOL  {"published":[[DEPLOYMENT,SERIES,TIME_FRAME_S,
 *                                         [[TIME_MS,VALUE],...]],...],
 *                           "more":N}            of that symbol: the first PAGE_PUBLISHED_SERIES
 *                                                and how many there are besides. One on two lanes
 *                                                stands there twice
 *   PAGE_SETUP             [{"name","summary","topics","fields","parameters",...},...]
 *                                                by deployment
 */
#ifndef TAKE5_OPS_PAGE_PAGE_PROCESS_H
#define TAKE5_OPS_PAGE_PAGE_PROCESS_H

#define PAGE_LOOK      "/page/look"
#define PAGE_QUOTES    "/page/quotes"
#define PAGE_PUBLISHED "/page/published"
#define PAGE_SETUP     "/page/setup"

#endif
