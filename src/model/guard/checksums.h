// What tells a number that was given out from one that only looks so. Pure; each takes the text as it was
// found, with the blanks and hyphens that people write.
#pragma once

#include <string_view>

namespace acloud::model::guard {

// Payment cards: ISO/IEC 7812-1, annex B (H. P. Luhn, US patent 2,950,048): every second digit from the right
// but one doubled, the digits of all summed, is a multiple of 10. False where all digits are the same.
bool is_card(std::string_view text);

// Bank accounts: ISO 13616-1: the country's own length (SWIFT's IBAN registry), and modulo 97 of the text
// with its first four characters moved to its end, letters as 10 to 35, is 1 (ISO/IEC 7064, MOD 97-10).
bool is_iban(std::string_view text);

// China's resident identity numbers: GB 11643-1999: a date of birth, and ISO/IEC 7064 MOD 11-2.
bool is_chinese_id(std::string_view text);

// Social Security numbers of the United States: never 000, 666 or 900 to 999, nor 00, nor 0000 in their three
// parts (20 CFR 422.103; SSA, "Social Security Number Randomization").
bool is_us_ssn(std::string_view text);

}  // namespace acloud::model::guard
