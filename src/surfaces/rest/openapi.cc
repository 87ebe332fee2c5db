#include "surfaces/rest/openapi.h"

namespace acloud::surfaces {
namespace {

OrderedJson reference(std::string_view schema) {
  return {{"$ref", fmt::format("#/components/schemas/{}", schema)}};
}

OrderedJson error_schema() {
  OrderedJson codes = OrderedJson::array();
  for (int i = 0; i <= static_cast<int>(ErrorCode::deadline_exceeded); ++i) {
    codes.push_back(traits(static_cast<ErrorCode>(i)).name);
  }
  const OrderedJson error = {
      {"type", "object"},
      {"required", {"code", "message", "details", "request_id"}},
      {"properties",
       {{"code", {{"type", "string"}, {"enum", std::move(codes)}}},
        {"message",
         {{"type", "string"}, {"description", "What was wrong, with which value, and what to do."}}},
        {"details", {{"type", "object"}, {"description", "Machine-readable facts, such as the field."}}},
        {"request_id", {{"type", "string"}, {"description", "As in the header x-request-id."}}}}}};
  return {{"type", "object"},
          {"required", {"error"}},
          {"properties", {{"error", error}}},
          {"examples",
           {{{"error",
              {{"code", "not_found"},
               {"message", "no bucket reports; make it with object.create_bucket"},
               {"details", OrderedJson::object()},
               {"request_id", "req_00c1a2b3c4d5e6f70819"}}}}}}};
}

// The parameters that stand for the fields beside a raw body.
OrderedJson query_parameters(const kernel::Operation& operation) {
  OrderedJson parameters = OrderedJson::array();
  for (const auto& [name, schema] : operation.request()["properties"].items()) {
    if (name == operation.body_in || name == operation.body_in + "_base64") continue;
    parameters.push_back({{"name", name},
                          {"in", "query"},
                          {"required", false},
                          {"description", "Beside a raw body; else in the JSON body."},
                          {"schema", schema}});
  }
  return parameters;
}

OrderedJson effect_parameters() {
  return {
      {{"name", "Idempotency-Key"},
       {"in", "header"},
       {"description", "A repeated request with the same key, within 24 hours, gives the first one's reply."},
       {"schema", {{"type", "string"}, {"maxLength", 255}}}},
      {{"name", "Prefer"},
       {"in", "header"},
       {"description", "dry-run: check the request and the rights, show what would happen, do nothing."},
       {"schema", {{"type", "string"}, {"enum", {"dry-run"}}}}}};
}

OrderedJson describe(const kernel::Operation& operation) {
  OrderedJson json_body = {{"schema", operation.request()}};
  for (std::size_t i = 0; i < operation.examples.size(); ++i) {
    const auto& example = operation.examples[i];
    json_body["examples"][fmt::format("example_{}", i + 1)] = {
        {"summary", example.summary}, {"value", OrderedJson::parse(example.request_json)}};
  }
  OrderedJson request = {{"application/json", std::move(json_body)}};
  OrderedJson reply = {{"application/json", {{"schema", operation.reply()}}}};
  const OrderedJson bytes = {{"schema", {{"type", "string"}, {"format", "binary"}}}};
  if (!operation.body_in.empty()) request["application/octet-stream"] = bytes;
  if (!operation.body_out.empty()) reply["application/octet-stream"] = bytes;
  if (operation.streams) reply["text/event-stream"] = {{"schema", {{"type", "string"}}}};

  OrderedJson parameters = OrderedJson::array();
  if (operation.has_effects()) parameters = effect_parameters();
  if (!operation.body_in.empty()) {
    for (auto& parameter : query_parameters(operation)) parameters.push_back(std::move(parameter));
  }
  OrderedJson entry = {
      {"operationId", operation.full_name()}, {"tags", {operation.product}}, {"summary", operation.summary}};
  if (!operation.description.empty()) entry["description"] = operation.description;
  if (operation.keyless) entry["security"] = OrderedJson::array();
  if (!parameters.empty()) entry["parameters"] = std::move(parameters);
  entry["requestBody"] = {{"required", true}, {"content", std::move(request)}};
  entry["responses"] = {{"200", {{"description", "Done."}, {"content", std::move(reply)}}},
                        {"default",
                         {{"description", "Not done."},
                          {"content", {{"application/json", {{"schema", reference("Error")}}}}}}}};
  entry["x-acloud-effect"] = schema::Codec<kernel::Effect>::name(operation.effect);
  return {{"post", std::move(entry)}};
}

}  // namespace

OrderedJson openapi(const kernel::Catalog& catalog, std::string_view version) {
  OrderedJson paths = OrderedJson::object();
  OrderedJson tags = OrderedJson::array();
  for (const auto& product : catalog.products()) {
    tags.push_back({{"name", product->name()}, {"description", product->summary()}});
    for (const kernel::Operation& operation : product->operations()) {
      paths[fmt::format("/api/{}/{}", product->name(), operation.name)] = describe(operation);
    }
  }
  return {{"openapi", "3.1.0"},
          {"info",
           {{"title", "acloud"},
            {"version", version},
            {"description", "Every product of the cloud as a function."},
            {"license", {{"name", "Apache-2.0"}, {"identifier", "Apache-2.0"}}}}},
          {"security", {{{"bearer", OrderedJson::array()}}}},
          {"tags", std::move(tags)},
          {"paths", std::move(paths)},
          {"components",
           {{"securitySchemes", {{"bearer", {{"type", "http"}, {"scheme", "bearer"}}}}},
            {"schemas", {{"Error", error_schema()}}}}}};
}

}  // namespace acloud::surfaces
