#include "mcs/shared_config.h"

#include <algorithm>
#include <tuple>

#include "crypto/crypto.h"
#include "wire/reader.h"
#include "wire/writer.h"

namespace segw::mcs {

SharedConfig::SharedConfig(std::vector<ConfigPart> parts) : parts_(std::move(parts)) {
  std::ranges::sort(parts_, {},
                    [](const ConfigPart& part) { return std::tie(part.path, part.digest); });
  const auto same = std::ranges::unique(parts_, {}, &ConfigPart::path);
  parts_.erase(same.begin(), same.end());
  wire::Writer all;
  for (const ConfigPart& part : parts_) {
    all.u32(static_cast<uint32_t>(part.path.size())).bytes(as_bytes(part.path)).u64(part.digest);
  }
  const Bytes full = crypto::digest(crypto::Hash::Sha256, {all.view()});
  digest_ = wire::Reader(full).u64("digest");
}

const ConfigPart* SharedConfig::find(std::string_view path) const {
  const auto at = std::ranges::lower_bound(parts_, path, {}, &ConfigPart::path);
  return at != parts_.end() && at->path == path ? &*at : nullptr;
}

}  // namespace segw::mcs
