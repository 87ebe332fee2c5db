// Requests and replies of the operations that change providers and models while the server runs. The requests
// are the configuration's own entries: ProviderConfig and ModelConfig.
#pragma once

#include "kernel/page.h"
#include "model/model_config.h"

namespace acloud::model {

struct ListRouting {
  std::int64_t limit = kernel::kPageDefault;
  std::optional<std::string> cursor;
  static constexpr auto schema =
      fields(field("limit", &ListRouting::limit, "Items on a page.", between(1, kernel::kPageMost)),
             field("cursor", &ListRouting::cursor, "next_cursor of the page before.", length(0, 1000)));
};

enum class Source { configuration, operation };
constexpr auto enum_names(Source) {
  return std::array<std::pair<Source, std::string_view>, 2>{
      {{Source::configuration, "configuration"}, {Source::operation, "operation"}}};
}

struct ProviderInfo {
  std::string name;
  Dialect dialect = Dialect::openai;
  std::string base_url;
  std::string key;
  std::vector<std::string> headers;
  std::vector<std::string> models;
  Source source = Source::configuration;
  std::optional<std::string> problem;
  static constexpr auto schema = fields(
      field("name", &ProviderInfo::name, "What targets call it."),
      field("dialect", &ProviderInfo::dialect, "What it speaks."),
      field("base_url", &ProviderInfo::base_url, "Where it is."),
      field("key", &ProviderInfo::key, "Where its key is: env:NAME, file:PATH, \"given\", or \"none\"."),
      field("headers", &ProviderInfo::headers, "Names of the headers that are sent with every request."),
      field("models", &ProviderInfo::models, "Models that have a target there."),
      field("source", &ProviderInfo::source, "The configuration file, or an operation."),
      field("problem", &ProviderInfo::problem, "Why this server can't use it."));
};

struct ProviderList {
  std::vector<ProviderInfo> items;
  std::optional<std::string> next_cursor;
  static constexpr auto schema = fields(
      field("items", &ProviderList::items, "The providers, by name."),
      field("next_cursor", &ProviderList::next_cursor, "Where the next page begins; absent on the last."));
};

struct RouteInfo {
  std::string name;
  Source source = Source::configuration;
  std::optional<std::string> problem;
  ModelConfig route;
  static constexpr auto schema =
      fields(field("name", &RouteInfo::name, "What calls name."),
             field("source", &RouteInfo::source, "The configuration file, or an operation."),
             field("problem", &RouteInfo::problem, "Why this server does not serve it."),
             field("route", &RouteInfo::route, "All of it, as [[model]] has it."));
};

struct RouteList {
  std::vector<RouteInfo> items;
  std::optional<std::string> next_cursor;
  static constexpr auto schema = fields(
      field("items", &RouteList::items, "The models, by name."),
      field("next_cursor", &RouteList::next_cursor, "Where the next page begins; absent on the last."));
};

struct ByName {
  std::string name;
  static constexpr auto schema = fields(field("name", &ByName::name, "Which.", required, length(1, 200)));
};

struct DeletedEntry {
  std::string name;
  bool falls_back = false;
  static constexpr auto schema = fields(field("name", &DeletedEntry::name, "What was deleted."),
                                        field("falls_back", &DeletedEntry::falls_back,
                                              "The configuration's entry of that name is there again."));
};

}  // namespace acloud::model
