#include "surfaces/mcp/catalog_resources.h"

#include "base/encoding.h"
#include "net/http.h"
#include "surfaces/mcp/skills.h"

namespace acloud::surfaces::mcp {
namespace {

constexpr std::string_view kPages = "acloud://docs/";

std::string uri_of(const kernel::Operation& operation) {
  return fmt::format("acloud://{}/{}", operation.product, operation.name);
}

bool is_readable(const kernel::Operation& operation) {
  return (!operation.body_out.empty() || operation.is_log) && operation.effect == kernel::Effect::read;
}

std::unexpected<RpcError> nothing_at(std::string_view uri) {
  return refuse(Code::resource_not_found, "no resource is at {}", to_valid_utf8(uri.substr(0, 200)));
}

constexpr std::string_view kLines = "application/x-ndjson";

std::string lines_of(const Json& reply, const std::string& uri) {
  std::string text;
  for (const Json& item : reply.value("items", Json::array())) text += to_text(item) + "\n";
  return OrderedJson::array({{{"uri", uri}, {"mimeType", kLines}, {"text", std::move(text)}}}).dump();
}

// Passes over what had happened before.
class Ticks final : public kernel::EventSink {
 public:
  Ticks(std::size_t before, std::function<void()> changed) : before_(before), changed_(std::move(changed)) {}
  Task<Result<>> emit(std::string_view, std::string) override {
    if (before_ > 0) {
      --before_;
    } else {
      changed_();
    }
    co_return Result<>();
  }

 private:
  std::size_t before_;
  std::function<void()> changed_;
};

// Whether a list of a product can say values of `argument`, knowing `known`.
bool can_list(const kernel::Operation& operation, const std::string& argument, const Json& known) {
  if (!operation.is_list() || operation.has_effects()) return false;
  const OrderedJson needed = operation.request().value("required", OrderedJson::array());
  if (!std::ranges::all_of(
          needed, [&known](const OrderedJson& name) { return known.contains(name.get<std::string>()); }))
    return false;
  const OrderedJson& items = operation.reply()["properties"]["items"];
  const auto item = items.find("items");
  return item != items.end() && item->contains("properties") && (*item)["properties"].contains(argument);
}

// A reply whose field `body` is text, or base64 under its name and "_base64".
std::string contents_of(const Json& reply, const std::string& body, const std::string& uri) {
  OrderedJson contents{{"uri", uri}};
  if (reply.contains("content_type")) contents["mimeType"] = reply["content_type"];
  if (const auto text = reply.find(body); text != reply.end() && text->is_string()) {
    contents["text"] = *text;
  } else {
    contents["blob"] = reply.value(body + "_base64", "");
  }
  return OrderedJson::array({std::move(contents)}).dump();
}

}  // namespace

template <class F>
void CatalogResources::each_readable(const kernel::Caller& caller, F take) const {
  const Time now = clock_.now();
  for (const auto& product : path_.catalog().products()) {
    if (!product_.empty() && product->name() != product_) continue;
    for (const kernel::Operation& operation : product->operations()) {
      if (is_readable(operation) && shown_to(caller, operation, now))
        take(std::shared_ptr<const kernel::Operation>(product, &operation));
    }
  }
}

std::vector<std::string> CatalogResources::list() const {
  std::vector<std::string> entries;
  if (library_ == nullptr || !product_.empty()) return entries;
  for (const Page& page : library_->pages()) {
    const OrderedJson entry{{"uri", std::string(kPages) + page.path},
                            {"name", page.path},
                            {"title", page.title},
                            {"mimeType", mime_type(page.path)},
                            {"size", page.text.size()}};
    entries.push_back(entry.dump());
  }
  return entries;
}

std::vector<std::string> CatalogResources::templates(const kernel::Caller& caller) const {
  std::vector<std::string> entries;
  each_readable(caller, [&entries](const std::shared_ptr<const kernel::Operation>& operation) {
    std::vector<std::string> fields;
    for (const auto& [name, field] : operation->request()["properties"].items()) fields.push_back(name);
    OrderedJson entry{{"uriTemplate", fmt::format("{}{{?{}}}", uri_of(*operation), fmt::join(fields, ","))},
                      {"name", operation->full_name()},
                      {"description", operation->summary}};
    if (operation->is_log) entry["mimeType"] = kLines;
    entries.push_back(entry.dump());
  });
  return entries;
}

std::shared_ptr<const kernel::Operation> CatalogResources::find(const kernel::Caller& caller,
                                                                std::string_view uri) const {
  std::shared_ptr<const kernel::Operation> found;
  const std::string_view path = uri.substr(0, uri.find_first_of("?{"));
  each_readable(caller, [&](std::shared_ptr<const kernel::Operation> operation) {
    if (uri_of(*operation) == path) found = std::move(operation);
  });
  return found;
}

Rpc<std::string> CatalogResources::read_page(std::string_view uri) const {
  if (library_ == nullptr || !product_.empty()) return nothing_at(uri);
  for (const Page& page : library_->pages()) {
    if (page.path != uri.substr(kPages.size())) continue;
    return OrderedJson::array({{{"uri", uri}, {"mimeType", mime_type(page.path)}, {"text", page.text}}})
        .dump();
  }
  return nothing_at(uri);
}

Rpc<CatalogResources::Named> CatalogResources::parse(const kernel::Caller& caller,
                                                     std::string_view uri) const {
  const std::shared_ptr<const kernel::Operation> operation = find(caller, uri);
  if (operation == nullptr || uri.find('{') != uri.npos) return nothing_at(uri);
  const std::size_t mark = uri.find('?');
  const auto query = net::parse_query(mark == uri.npos ? "" : uri.substr(mark + 1));
  if (!query) return refuse(query.error());
  Named named{.operation = operation, .arguments = Json::object()};
  const OrderedJson& properties = operation->request()["properties"];
  for (const auto& [name, value] : *query) {
    if (!properties.contains(name) || named.arguments.contains(name))
      return refuse(Code::invalid_params, "uri: {} is unknown or given twice", to_valid_utf8(name));
    named.arguments[name] = json_from_text(properties[name], value);
  }
  return named;
}

Task<Rpc<std::string>> CatalogResources::read(Exchange& exchange, std::string uri) {
  if (uri.starts_with(kPages)) co_return read_page(uri);
  ACLOUD_CO_TRY(Named named, parse(exchange.caller(), uri));
  const kernel::Operation& operation = *named.operation;
  const auto reply = co_await calls_.read(exchange.caller(), operation, std::move(named.arguments), nullptr);
  if (!reply && reply.error().code() == ErrorCode::not_found) co_return nothing_at(uri);
  if (!reply) co_return refuse(reply.error());
  const auto json = parse_json(*reply);
  if (!json) co_return refuse(json.error());
  co_return operation.is_log ? lines_of(*json, uri) : contents_of(*json, operation.body_out, uri);
}

Task<Completion> CatalogResources::complete(Exchange& exchange, const kernel::Operation& operation,
                                            std::string argument, std::string typed, Json known) {
  Completion completion;
  const auto field = operation.request()["properties"].find(argument);
  if (field == operation.request()["properties"].end()) co_return completion;
  if (field->contains("enum")) {
    for (const auto& value : (*field)["enum"]) {
      if (value.is_string()) completion.offer(value.get<std::string>(), typed);
    }
    co_return completion;
  }
  const Time now = clock_.now();
  for (const auto& product : path_.catalog().products()) {
    if (product->name() != operation.product) continue;
    for (const kernel::Operation& list : product->operations()) {
      if (!can_list(list, argument, known) || !shown_to(exchange.caller(), list, now)) continue;
      Json arguments = Json::object();
      for (const auto& [name, value] : known.items()) {
        if (list.request()["properties"].contains(name)) arguments[name] = value;
      }
      const auto reply = co_await calls_.read(exchange.caller(), list, std::move(arguments), nullptr);
      const auto json = reply ? parse_json(*reply) : Result<Json>(Json());
      if (!json || !json->is_object()) continue;
      for (const Json& item : json->value("items", Json::array())) {
        if (item.is_object() && item.contains(argument) && item[argument].is_string())
          completion.offer(item[argument].get<std::string>(), typed);
      }
      co_return completion;
    }
  }
  co_return completion;
}

bool CatalogResources::has_logs() const {
  return std::ranges::any_of(path_.catalog().products(), [this](const auto& product) {
    return (product_.empty() || product->name() == product_) &&
           std::ranges::any_of(product->operations(), &kernel::Operation::is_log);
  });
}

bool CatalogResources::can_follow(const kernel::Caller& caller, std::string_view uri) const {
  const auto named = parse(caller, uri);
  return named && named->operation->is_log;
}

Task<> CatalogResources::follow(kernel::Caller caller, std::string uri, std::function<void()> changed) {
  const auto named = parse(caller, uri);
  if (!named) co_return;
  const auto so_far = co_await calls_.read(caller, *named->operation, named->arguments, nullptr);
  const auto json = so_far ? parse_json(*so_far) : Result<Json>(std::unexpected(so_far.error()));
  if (!json || !json->is_object()) co_return;
  Ticks ticks(json->value("items", Json::array()).size(), std::move(changed));
  (void)co_await calls_.read(caller, *named->operation, named->arguments, &ticks);
}

}  // namespace acloud::surfaces::mcp
