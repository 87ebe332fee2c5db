#include "surfaces/mcp/search.h"

#include <array>
#include <cmath>

namespace acloud::surfaces::mcp {
namespace {

// What a word weighs by where it stands.
constexpr double kOfName = 3;
constexpr double kOfKeywords = 3;
constexpr double kOfProduct = 2;
constexpr double kOfSummary = 2;
constexpr double kOfText = 1;
constexpr double kOfFields = 0.4;

constexpr double kSaturation = 1.2;  // BM25's k1
constexpr double kByLength = 0.4;    // BM25's b: declarations are short, so that length says little
constexpr std::size_t kRequestWords = 64;

constexpr std::array<std::string_view, 66> kSayNothing{
    "a",    "an",    "and",   "any",  "are",   "as",    "at",    "be",     "been", "but",  "by",
    "can",  "could", "did",   "do",   "does",  "for",   "from",  "has",    "have", "how",  "i",
    "in",   "into",  "is",    "it",   "its",   "let",   "like",  "may",    "me",   "my",   "need",
    "not",  "now",   "of",    "off",  "on",    "or",    "our",   "please", "s",    "so",   "some",
    "that", "the",   "their", "them", "then",  "there", "these", "they",   "this", "to",   "us",
    "want", "was",   "we",    "what", "which", "will",  "with",  "would",  "you",  "your", "yours"};

bool is_vowel(char c) { return std::string_view("aeiouy").find(c) != std::string_view::npos; }

bool has_vowel(std::string_view text) { return std::ranges::any_of(text, is_vowel); }

void drop(std::string& word, std::size_t count) { word.resize(word.size() - count); }

// "running" and "runs" become "run". What it does to a word matters less than that it does it to all forms.
std::string stem(std::string word) {
  if (word.size() > 4 && word.ends_with("ies")) {
    drop(word, 3);
    word += 'y';
  } else if (word.size() > 4 && word.ends_with("sses")) {
    drop(word, 2);
  } else if (word.size() > 3 && word.ends_with('s') && !word.ends_with("ss") && !word.ends_with("us") &&
             !word.ends_with("is")) {
    drop(word, 1);
  }
  const std::string_view whole = word;
  std::size_t ending = 0;
  if (whole.size() > 5 && whole.ends_with("ing") && has_vowel(whole.substr(0, whole.size() - 3))) ending = 3;
  if (whole.size() > 4 && whole.ends_with("ed") && has_vowel(whole.substr(0, whole.size() - 2))) ending = 2;
  if (ending != 0) {
    drop(word, ending);
    const std::size_t n = word.size();
    if (n > 3 && word[n - 1] == word[n - 2] && !is_vowel(word[n - 1]) && word[n - 1] != 'l' &&
        word[n - 1] != 's')
      drop(word, 1);
  }
  if (word.size() > 3 && word.ends_with('e')) drop(word, 1);
  return word;
}

}  // namespace

std::vector<std::string> search_words(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  const auto end_word = [&] {
    if (!word.empty() && std::ranges::find(kSayNothing, word) == kSayNothing.end())
      words.push_back(stem(std::move(word)));
    word.clear();
  };
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80 || std::isalnum(byte) != 0) {
      word += static_cast<char>(byte < 0x80 ? std::tolower(byte) : byte);
    } else if (c != '\'') {
      end_word();
    }
  }
  end_word();
  return words;
}

Search::Search(const kernel::Catalog& catalog) {
  for (const auto& product : catalog.products()) {
    for (const kernel::Operation& operation : product->operations()) add(*product, {product, &operation});
  }
  for (const Document& document : documents_) {
    mean_length_ += document.length / static_cast<double>(documents_.size());
    for (const auto& [word, weight] : document.weights) ++holders_[word];
  }
}

void Search::add(const kernel::Product& product, std::shared_ptr<const kernel::Operation> operation) {
  Document document{.operation = operation, .weights = {}};
  const auto take = [&document](std::string_view text, double weight) {
    for (std::string& word : search_words(text)) {
      document.weights[std::move(word)] += weight;
      document.length += weight;
    }
  };
  take(operation->name, kOfName);
  take(operation->keywords, kOfKeywords);
  take(operation->product, kOfProduct);
  take(operation->summary, kOfSummary);
  take(operation->description, kOfText);
  take(product.summary(), kOfFields);
  for (const kernel::OperationExample& example : operation->examples) take(example.summary, kOfText);
  for (const auto& [name, field] : operation->request()["properties"].items()) {
    take(name, kOfFields);
    take(field.value("description", ""), kOfFields);
  }
  documents_.push_back(std::move(document));
}

std::vector<Search::Found> Search::find(std::string_view request) const {
  std::vector<std::string> words = search_words(request);
  std::ranges::sort(words);
  words.erase(std::unique(words.begin(), words.end()), words.end());
  words.resize(std::min(words.size(), kRequestWords));
  const auto count = static_cast<double>(documents_.size());
  std::vector<Found> found;
  for (const Document& document : documents_) {
    double score = 0;
    for (const std::string& word : words) {
      const auto weight = document.weights.find(word);
      if (weight == document.weights.end()) continue;
      const auto holders = static_cast<double>(holders_.find(word)->second);
      const double rarity = std::log(1 + (count - holders + 0.5) / (holders + 0.5));
      const double norm = kSaturation * (1 - kByLength + kByLength * document.length / mean_length_);
      score += rarity * weight->second * (kSaturation + 1) / (weight->second + norm);
    }
    if (score > 0) found.push_back({document.operation, score});
  }
  // By the score, then by the place in the catalog.
  std::vector<std::pair<double, std::size_t>> order;
  order.reserve(found.size());
  for (std::size_t i = 0; i < found.size(); ++i) order.emplace_back(-found[i].score, i);
  std::ranges::sort(order);
  std::vector<Found> sorted;
  sorted.reserve(order.size());
  for (const auto& [score, place] : order) sorted.push_back(found[place]);
  return sorted;
}

}  // namespace acloud::surfaces::mcp
