// Which operations of a catalog a request in plain words is about.
//
// BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009) over the words of each
// declaration, those of its name, keywords and summary weighing more than those of its fields. It knows no
// product: what an operation is to be found by stands in its declaration.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/catalog.h"

namespace acloud::surfaces::mcp {

class Search {
 public:
  struct Found {
    std::shared_ptr<const kernel::Operation> operation;
    double score;
  };

  // Of the catalog as it stands.
  explicit Search(const kernel::Catalog& catalog);
  // The best first; none whose score is zero. Equal ones stand in the order of the catalog.
  std::vector<Found> find(std::string_view request) const;

 private:
  struct Document {
    std::shared_ptr<const kernel::Operation> operation;
    std::map<std::string, double, std::less<>> weights;  // of each word
    double length = 0;
  };
  void add(const kernel::Product& product, std::shared_ptr<const kernel::Operation> operation);

  std::vector<Document> documents_;
  std::map<std::string, std::size_t, std::less<>> holders_;  // how many documents have a word
  double mean_length_ = 0;
};

// The words of `text` as they are compared: lower case, without endings and without those that say nothing.
std::vector<std::string> search_words(std::string_view text);

}  // namespace acloud::surfaces::mcp
