/*
 * base/calendar.h - days since 1970 as dates of the Gregorian calendar, also before its time.
 */
#ifndef TAKE5_BASE_CALENDAR_H
#define TAKE5_BASE_CALENDAR_H

#include <stdint.h>

struct calendar_date {
    int32_t year;
    uint32_t month, day; /* from 1 */
};

/* Years that begin in March, in eras of 400, so that the leap day is the last of its year. */
static inline struct calendar_date calendar_date(int64_t days) {
    const int64_t shifted = days + 719468;
    const int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    const uint32_t day_of_era = (uint32_t)(shifted - era * 146097);
    const uint32_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const uint32_t day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const uint32_t month_from_march = (5 * day_of_year + 2) / 153;
    const uint32_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    return (struct calendar_date){
        .year = (int32_t)(year_of_era + era * 400) + (month <= 2),
        .month = month,
        .day = day_of_year - (153 * month_from_march + 2) / 5 + 1,
    };
}

#endif
