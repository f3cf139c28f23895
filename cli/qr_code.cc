#include "cli/qr_code.h"

#include <qrencode.h>

#include <memory>

#include "base/secret_bytes.h"
#include "cli/wiping.h"

namespace claviger::cli {
namespace {

constexpr int kMargin = 2;  // modules; the standard asks for 4, readers are content with less
constexpr char kBlackAndWhite[] = "\x1b[40;97m";
constexpr char kOwnColours[] = "\x1b[0m";

struct FreeCode {
  void operator()(QRcode* code) const {
    Wipe(code->data, static_cast<size_t>(code->width) * static_cast<size_t>(code->width));
    QRcode_free(code);
  }
};
using Code = std::unique_ptr<QRcode, FreeCode>;

// The margin is light, and so is what would follow an odd last row.
bool IsLight(const QRcode& code, int x, int y) {
  if (x < 0 || y < 0 || x >= code.width || y >= code.width) return true;
  return (code.data[y * code.width + x] & 1) == 0;
}

const char* HalfBlocks(bool upper_light, bool lower_light) {
  if (upper_light) return lower_light ? "█" : "▀";
  return lower_light ? "▄" : " ";
}

}  // namespace

Result<std::string> DrawQrCode(std::string_view text) {
  std::string terminated(text);
  const Wiping wiping(terminated);
  const Code code(QRcode_encodeString8bit(terminated.c_str(), 0, QR_ECLEVEL_L));
  if (!code) return MakeError(ErrorKind::kTooLarge, "This is too long for a QR code");
  std::string drawing;
  for (int y = -kMargin; y < code->width + kMargin; y += 2) {
    drawing += kBlackAndWhite;
    for (int x = -kMargin; x < code->width + kMargin; ++x) {
      drawing += HalfBlocks(IsLight(*code, x, y), IsLight(*code, x, y + 1));
    }
    drawing += kOwnColours;
    drawing += '\n';
  }
  return drawing;
}

}  // namespace claviger::cli
