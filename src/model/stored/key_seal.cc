#include "model/stored/key_seal.h"

#include <openssl/evp.h>

#include <array>
#include <memory>

#include "base/encoding.h"

namespace acloud::model {
namespace {

constexpr std::size_t kNonce = 12;
constexpr std::size_t kTag = 16;

using Cipher = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

Cipher new_cipher() { return {EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free}; }

const unsigned char* raw(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* raw(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }
int raw_size(std::string_view text) { return static_cast<int>(text.size()); }

std::unexpected<Error> no_secret() {
  return fail(
      ErrorCode::precondition_failed,
      "this server has nothing to seal a key with: name the key as env:NAME, or set seal_key in [store] "
      "of acloud.toml");
}

std::unexpected<Error> does_not_open() {
  return fail(ErrorCode::precondition_failed,
              "the key was sealed with another seal_key, or for another address: set the provider again");
}

}  // namespace

KeySeal::KeySeal(std::string_view secret) : key_(sha256(fmt::format("acloud provider keys\n{}", secret))) {}

Result<std::string> KeySeal::close(Random& random, std::string_view text, std::string_view purpose) const {
  if (!key_) return no_secret();
  std::string sealed(kNonce + text.size() + kTag, '\0');
  std::array<std::uint8_t, kNonce> nonce{};
  random.fill(nonce);
  std::ranges::copy(nonce, sealed.begin());
  const Cipher cipher = new_cipher();
  int size = 0;
  const bool done =
      cipher != nullptr &&
      EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, raw(std::string_view(*key_)),
                         nonce.data()) == 1 &&
      EVP_EncryptUpdate(cipher.get(), nullptr, &size, raw(purpose), raw_size(purpose)) == 1 &&
      EVP_EncryptUpdate(cipher.get(), raw(sealed) + kNonce, &size, raw(text), raw_size(text)) == 1 &&
      EVP_EncryptFinal_ex(cipher.get(), raw(sealed) + kNonce + size, &size) == 1 &&
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTag, raw(sealed) + kNonce + text.size()) == 1;
  if (!done) return fail(ErrorCode::internal, "a key could not be sealed");
  return to_base64(sealed);
}

Result<std::string> KeySeal::open(std::string_view sealed, std::string_view purpose) const {
  if (!key_) return no_secret();
  auto whole = from_base64(sealed);
  if (!whole || whole->size() < kNonce + kTag) return does_not_open();
  std::string tag = whole->substr(whole->size() - kTag);
  const std::string_view text = std::string_view(*whole).substr(kNonce, whole->size() - kNonce - kTag);
  std::string opened(text.size(), '\0');
  const Cipher cipher = new_cipher();
  int size = 0;
  const bool done = cipher != nullptr &&
                    EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, raw(std::string_view(*key_)),
                                       raw(std::string_view(*whole))) == 1 &&
                    EVP_DecryptUpdate(cipher.get(), nullptr, &size, raw(purpose), raw_size(purpose)) == 1 &&
                    EVP_DecryptUpdate(cipher.get(), raw(opened), &size, raw(text), raw_size(text)) == 1 &&
                    EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kTag, tag.data()) == 1 &&
                    EVP_DecryptFinal_ex(cipher.get(), raw(opened) + size, &size) == 1;
  if (!done) return does_not_open();
  return opened;
}

}  // namespace acloud::model
