#include "tests/bench/scene.h"

#include <fstream>
#include <stdexcept>

namespace parley::bench {

Scene read_scene(const std::string& path) {
  std::ifstream in(path);
  Scene scene;
  in >> scene.site_token >> scene.assistant_id;
  for (Dialog dialog; in >> dialog.id >> dialog.guest_id;) scene.dialogs.push_back(dialog);
  if (scene.dialogs.empty()) throw std::runtime_error(path + ": no dialogs");
  return scene;
}

}  // namespace parley::bench
