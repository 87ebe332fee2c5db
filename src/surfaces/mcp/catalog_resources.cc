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
  return !operation.body_out.empty() && operation.effect == kernel::Effect::read;
}

std::unexpected<RpcError> nothing_at(std::string_view uri) {
  return refuse(Code::resource_not_found, "no resource is at {}", to_valid_utf8(uri.substr(0, 200)));
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
  for (const kernel::Product& product : path_.catalog().products()) {
    if (product_ != nullptr && &product != product_) continue;
    for (const kernel::Operation& operation : product.operations()) {
      if (is_readable(operation) && shown_to(caller, operation, now)) take(operation);
    }
  }
}

std::vector<std::string> CatalogResources::list() const {
  std::vector<std::string> entries;
  if (library_ == nullptr || product_ != nullptr) return entries;
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
  each_readable(caller, [&entries](const kernel::Operation& operation) {
    std::vector<std::string> fields;
    for (const auto& [name, field] : operation.request["properties"].items()) fields.push_back(name);
    const OrderedJson entry{
        {"uriTemplate", fmt::format("{}{{?{}}}", uri_of(operation), fmt::join(fields, ","))},
        {"name", operation.full_name()},
        {"description", operation.summary}};
    entries.push_back(entry.dump());
  });
  return entries;
}

const kernel::Operation* CatalogResources::find(const kernel::Caller& caller, std::string_view uri) const {
  const kernel::Operation* found = nullptr;
  const std::string_view path = uri.substr(0, uri.find_first_of("?{"));
  each_readable(caller, [&](const kernel::Operation& operation) {
    if (uri_of(operation) == path) found = &operation;
  });
  return found;
}

Rpc<std::string> CatalogResources::read_page(std::string_view uri) const {
  if (library_ == nullptr || product_ != nullptr) return nothing_at(uri);
  for (const Page& page : library_->pages()) {
    if (page.path != uri.substr(kPages.size())) continue;
    return OrderedJson::array({{{"uri", uri}, {"mimeType", mime_type(page.path)}, {"text", page.text}}})
        .dump();
  }
  return nothing_at(uri);
}

Task<Rpc<std::string>> CatalogResources::read(Exchange& exchange, std::string uri) {
  if (uri.starts_with(kPages)) co_return read_page(uri);
  const kernel::Operation* operation = find(exchange.caller(), uri);
  if (operation == nullptr || uri.find('{') != uri.npos) co_return nothing_at(uri);
  const std::size_t mark = uri.find('?');
  const auto query = net::parse_query(mark == uri.npos ? "" : std::string_view(uri).substr(mark + 1));
  if (!query) co_return refuse(query.error());
  Json arguments = Json::object();
  const OrderedJson& properties = operation->request["properties"];
  for (const auto& [name, value] : *query) {
    if (!properties.contains(name) || arguments.contains(name))
      co_return refuse(Code::invalid_params, "uri: {} is unknown or given twice", to_valid_utf8(name));
    arguments[name] = json_from_text(properties[name], value);
  }
  const auto reply = co_await calls_.run(exchange, operation->full_name(), std::move(arguments), {});
  if (!reply && reply.error().code() == ErrorCode::not_found) co_return nothing_at(uri);
  if (!reply) co_return refuse(reply.error());
  const auto json = parse_json(*reply);
  if (!json) co_return refuse(json.error());
  co_return contents_of(*json, operation->body_out, uri);
}

}  // namespace acloud::surfaces::mcp
