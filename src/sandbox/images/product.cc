#include "sandbox/images/product.h"

namespace acloud::sandbox {
namespace {

using kernel::Effect;

template <class Request>
std::string sandbox_of(const Request& request) {
  return "sandbox/" + request.id;
}
template <class Request>
std::string image_of(const Request& request) {
  return "image/" + request.name;
}
std::string snapshot_of(const SnapshotName& request) { return "image/" + request.id; }

void declare_brought(kernel::Product& sandbox, SandboxService& service) {
  sandbox.operation<ImportImage, ImageInfo>("import_image")
      .summary("Make an image from a folder, a tar or an OCI layout on the server.")
      .keywords("docker oci container own custom root file system add layout directory server")
      .description(
          "Layers are stored once by their digests. Archives are refused whole where an entry is absolute, "
          "climbs, "
          "leads out by a link or is a device.")
      .effect(Effect::write)
      .operator_only()
      .resource(image_of<ImportImage>)
      .example("A folder of the server's", R"({"name":"licences","path":"/usr/share/common-licenses"})")
      .handler(service, &SandboxService::import_image);
  sandbox.operation<UploadImage, ImageInfo>("upload_image")
      .summary("Make an image from a tar that is sent.")
      .keywords("docker container own custom root file system tarball archive add")
      .description("As import_image, with the tar as the raw request body and the name in the query.")
      .effect(Effect::write)
      .body_in("tar")
      .resource(image_of<UploadImage>)
      .example("An empty one", R"({"name":"nothing","tar":""})")
      .handler(service, &SandboxService::upload_image);
  sandbox.operation<ListImages, ImageList>("list_images")
      .summary("List the workspace's images, but for base, which is always there.")
      .keywords("show which docker containers start from available root file systems")
      .example("All", "{}")
      .handler(service, &SandboxService::list_images);
  sandbox.operation<ImageName, ImageName>("delete_image")
      .summary("Delete an image. Sandboxes and snapshots that stand on it keep what they need.")
      .keywords("remove old docker container root file system")
      .effect(Effect::destroy)
      .resource(image_of<ImageName>)
      .example("One", R"({"name":"debian"})")
      .handler(service, &SandboxService::delete_image);
}

void declare_copies(kernel::Product& sandbox, SandboxService& service) {
  sandbox.operation<TakeSnapshot, SnapshotInfo>("snapshot")
      .summary("Keep a sandbox's files, to make others from.")
      .keywords("save keep state checkpoint backup freeze copy machine go back restore later")
      .description(
          "The sandbox is frozen for as long as its files are copied, then goes on. Memory and processes are "
          "not "
          "kept. A snapshot outlives the sandbox, the server and the machine.")
      .effect(Effect::write)
      .resource(sandbox_of<TakeSnapshot>)
      .example("One with an id of its own", R"({"id":"sbx_00c1d2e3f4a5b6c7d8e9"})")
      .handler(service, &SandboxService::snapshot);
  sandbox.operation<ListSnapshots, SnapshotList>("list_snapshots")
      .summary("List the workspace's snapshots.")
      .keywords("show which checkpoints backups saved states")
      .example("All", "{}")
      .handler(service, &SandboxService::list_snapshots);
  sandbox.operation<SnapshotName, SnapshotName>("delete_snapshot")
      .summary("Delete a snapshot. Sandboxes that were made from it go on.")
      .keywords("remove rid checkpoint backup saved state")
      .effect(Effect::destroy)
      .resource(snapshot_of)
      .example("One", R"({"id":"snap_00c1d2e3f4a5b6c7d8e9"})")
      .handler(service, &SandboxService::delete_snapshot);
  sandbox.operation<Fork, Forked>("fork")
      .summary("Make copies of a sandbox: its files, environment, metadata and limits.")
      .keywords("clone duplicate copy branch several machines try parallel")
      .description("Processes and memory are not copied; `kept` in the reply says so.")
      .effect(Effect::spend)
      .ephemeral()
      .resource(sandbox_of<Fork>)
      .example("Three", R"({"id":"sbx_00c1d2e3f4a5b6c7d8e9","count":3})")
      .handler(service, &SandboxService::fork);
}

void declare_templates(kernel::Product& sandbox, SandboxService& service) {
  sandbox.operation<CreateTemplate, TemplateInfo>("create_template")
      .summary("Build a template: an image with files, environment, setup done, and what is to be started.")
      .keywords(
          "prepare build docker installed packages preinstalled ready environment dependencies custom image")
      .description(
          "It is built once, in a sandbox that is gone afterwards; sandboxes made from it begin there.")
      .effect(Effect::spend)
      .resource(image_of<CreateTemplate>)
      .example(
          "A web server",
          R"({"name":"web","files":[{"path":"/srv/index.html","content":"hello"}],"start":"cd /srv && python3 -m http.server"})")
      .handler(service, &SandboxService::create_template);
  sandbox.operation<ListImages, TemplateList>("list_templates")
      .summary("List the workspace's templates.")
      .keywords("show which prepared environments built")
      .example("All", "{}")
      .handler(service, &SandboxService::list_templates);
  sandbox.operation<ImageName, ImageName>("delete_template")
      .summary("Delete a template. Sandboxes that were made from it go on.")
      .keywords("remove prepared environment")
      .effect(Effect::destroy)
      .resource(image_of<ImageName>)
      .example("One", R"({"name":"web"})")
      .handler(service, &SandboxService::delete_template);
}

}  // namespace

void declare_images(kernel::Product& sandbox, SandboxService& service) {
  declare_brought(sandbox, service);
  declare_copies(sandbox, service);
  declare_templates(sandbox, service);
}

}  // namespace acloud::sandbox
