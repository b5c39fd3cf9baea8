// Names well-known sockets that give away more than one service: their servers run commands on the host. Pure.

const POWERFUL: readonly (readonly [path: RegExp, server: string])[] = [
  [/\/docker\.sock$/, 'Docker'],
  [/\/podman\.sock$/, 'Podman'],
  [/\/(?:containerd|buildkitd|crio)\.sock$/, 'a container runtime'],
  [/\/(?:lxd|incus)\/unix\.socket$/, 'a container manager'],
  [/\/(?:libvirt|virtqemud)-sock$/, 'libvirt'],
  [/\/snapd\.socket$/, 'snapd'],
  [/\/systemd\//, 'systemd'],
  [/\/(?:system_bus_socket|bus|dbus-[^/]*)$/, 'D-Bus'],
];

/** @returns the server that may run a command on the host for its clients, or undefined */
export function powerfulServer(path: string): string | undefined {
  return POWERFUL.find(([pattern]) => pattern.test(path))?.[1];
}
