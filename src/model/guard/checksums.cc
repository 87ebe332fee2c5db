#include "model/guard/checksums.h"

#include <algorithm>
#include <array>
#include <string>

namespace acloud::model::guard {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string only(std::string_view text, bool (*wanted)(char)) {
  std::string found;
  std::ranges::copy_if(text, std::back_inserter(found), wanted);
  return found;
}

struct IbanLength {
  std::string_view country;
  std::size_t length;
};
constexpr std::array<IbanLength, 78> kIbans{
    {{"AD", 24}, {"AE", 23}, {"AL", 28}, {"AT", 20}, {"AZ", 28}, {"BA", 20}, {"BE", 16}, {"BG", 22},
     {"BH", 22}, {"BR", 29}, {"BY", 28}, {"CH", 21}, {"CR", 22}, {"CY", 28}, {"CZ", 24}, {"DE", 22},
     {"DK", 18}, {"DO", 28}, {"EE", 20}, {"EG", 29}, {"ES", 24}, {"FI", 18}, {"FO", 18}, {"FR", 27},
     {"GB", 22}, {"GE", 22}, {"GI", 23}, {"GL", 18}, {"GR", 27}, {"GT", 28}, {"HR", 21}, {"HU", 28},
     {"IE", 22}, {"IL", 23}, {"IQ", 23}, {"IS", 26}, {"IT", 27}, {"JO", 30}, {"KW", 30}, {"KZ", 20},
     {"LB", 28}, {"LC", 32}, {"LI", 21}, {"LT", 20}, {"LU", 20}, {"LV", 21}, {"LY", 25}, {"MC", 27},
     {"MD", 24}, {"ME", 22}, {"MK", 19}, {"MR", 27}, {"MT", 31}, {"MU", 30}, {"NL", 18}, {"NO", 15},
     {"PK", 24}, {"PL", 28}, {"PS", 29}, {"PT", 25}, {"QA", 29}, {"RO", 24}, {"RS", 22}, {"SA", 24},
     {"SC", 31}, {"SE", 24}, {"SI", 19}, {"SK", 24}, {"SM", 27}, {"ST", 25}, {"SV", 28}, {"TL", 23},
     {"TN", 24}, {"TR", 26}, {"UA", 29}, {"VA", 22}, {"VG", 24}, {"XK", 20}}};

}  // namespace

bool is_card(std::string_view text) {
  const std::string digits = only(text, is_digit);
  if (digits.size() < 13 || digits.size() > 19) return false;
  if (std::ranges::all_of(digits, [&](char c) { return c == digits.front(); })) return false;
  int sum = 0;
  bool doubled = false;
  for (auto at = digits.rbegin(); at != digits.rend(); ++at, doubled = !doubled) {
    const int value = (*at - '0') * (doubled ? 2 : 1);
    sum += value > 9 ? value - 9 : value;
  }
  return sum % 10 == 0;
}

bool is_iban(std::string_view text) {
  const std::string plain = only(text, [](char c) { return c != ' ' && c != '-'; });
  if (plain.size() < 5) return false;
  const auto country = std::ranges::find(kIbans, std::string_view(plain).substr(0, 2), &IbanLength::country);
  if (country == kIbans.end() || plain.size() != country->length) return false;
  int rest = 0;
  for (std::size_t i = 0; i < plain.size(); ++i) {
    const char c = plain[(i + 4) % plain.size()];
    rest = is_digit(c) ? (rest * 10 + (c - '0')) % 97 : (rest * 100 + (c - 'A' + 10)) % 97;
  }
  return rest == 1;
}

bool is_chinese_id(std::string_view text) {
  if (text.size() != 18) return false;
  const auto number = [&](std::size_t from, std::size_t size) {
    int value = 0;
    for (const char c : text.substr(from, size)) value = value * 10 + (c - '0');
    return value;
  };
  const int year = number(6, 4);
  const int month = number(10, 2);
  const int day = number(12, 2);
  if (year < 1800 || year > 2200 || month < 1 || month > 12 || day < 1 || day > 31) return false;
  int rest = 0;
  for (const char c : text.substr(0, 17)) rest = (rest + (c - '0')) * 2 % 11;
  const int check = (12 - rest) % 11;
  const char last = text.back();
  return check == 10 ? last == 'X' || last == 'x' : last == static_cast<char>('0' + check);
}

bool is_us_ssn(std::string_view text) {
  if (text.size() != 11) return false;
  const std::string_view area = text.substr(0, 3);
  return area != "000" && area != "666" && area[0] != '9' && text.substr(4, 2) != "00" &&
         text.substr(7) != "0000";
}

}  // namespace acloud::model::guard
