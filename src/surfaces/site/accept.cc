#include "surfaces/site/accept.h"

#include <cctype>
#include <optional>
#include <string>

namespace acloud::surfaces::site {
namespace {

constexpr int kWhole = 1000;  // weights have three digits at most

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// The part of `text` before `mark`, which is taken off it.
std::string_view cut(std::string_view& text, char mark) {
  const auto at = text.find(mark);
  const std::string_view part = text.substr(0, at);
  text = at == text.npos ? std::string_view() : text.substr(at + 1);
  return trim(part);
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

// "0.8" in thousandths; what is no weight counts as 1, as if it had not been said.
int weight_of(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return kWhole;
  int weight = (text[0] - '0') * kWhole;
  if (text.size() > 1 && text[1] != '.') return kWhole;
  int place = 100;
  for (std::size_t i = 2; i < text.size(); ++i, place /= 10) {
    if (text[i] < '0' || text[i] > '9') return kWhole;
    weight += (text[i] - '0') * place;
  }
  return weight > kWhole ? kWhole : weight;
}

std::optional<Form> named(const std::string& type) {
  if (type == "text/html" || type == "application/xhtml+xml") return Form::html;
  if (type == "text/markdown") return Form::markdown;
  if (type == "text/plain") return Form::text;
  return std::nullopt;
}

}  // namespace

Form form_of(std::string_view accept) {
  Form best = Form::text;
  int best_weight = 0;
  while (!accept.empty()) {
    std::string_view range = cut(accept, ',');
    const auto form = named(lower(cut(range, ';')));
    int weight = kWhole;
    while (!range.empty()) {
      std::string_view parameter = cut(range, ';');
      if (lower(cut(parameter, '=')) == "q") weight = weight_of(trim(parameter));
    }
    if (form && weight > best_weight) {
      best = *form;
      best_weight = weight;
    }
  }
  return best;
}

}  // namespace acloud::surfaces::site
