// Serves HTTP on a port of loopback and of ::1, and echoes over AF_UNIX and UDP, with java.net and java.nio, to clients of its own and
// to curl. Prints a line for each; a failure is exit status 1.
import com.sun.net.httpserver.HttpServer;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.net.URI;
import java.net.UnixDomainSocketAddress;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Executors;

public class Server {
  public static void main(String[] args) throws Exception {
    int port = Integer.parseInt(args[0]);
    // Otherwise the server's threads would keep a failed process alive.
    Thread.setDefaultUncaughtExceptionHandler((thread, error) -> {
      error.printStackTrace();
      System.exit(1);
    });
    http("127.0.0.1", port);
    http("::1", port);
    local();
    datagrams();
    System.exit(0);
  }

  static void http(String host, int port) throws Exception {
    HttpServer server = HttpServer.create(new InetSocketAddress(host, port), 0);
    server.setExecutor(Executors.newCachedThreadPool());
    server.createContext("/", exchange -> {
      exchange.sendResponseHeaders(200, 7);
      exchange.getResponseBody().write("served\n".getBytes());
      exchange.close();
    });
    server.start();
    String url = "http://" + (host.contains(":") ? "[" + host + "]" : host) + ":" + port + "/";
    HttpRequest request = HttpRequest.newBuilder(URI.create(url)).build();
    System.out.print(host + " " + HttpClient.newHttpClient().send(request, BodyHandlers.ofString()).body());
    Process curl = new ProcessBuilder("curl", "-gsS", url).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    System.out.print("curl " + new String(curl.getInputStream().readAllBytes()));
    server.stop(0);
  }

  static void local() throws Exception {
    Path path = Files.createTempDirectory("server").resolve("socket");
    UnixDomainSocketAddress address = UnixDomainSocketAddress.of(path);
    try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      server.bind(address);
      SocketChannel client = SocketChannel.open(address);
      server.accept().write(ByteBuffer.wrap("served".getBytes()));
      ByteBuffer answer = ByteBuffer.allocate(6);
      while (answer.hasRemaining() && client.read(answer) >= 0) {}
      System.out.println("path " + new String(answer.array()));
    }
  }

  static void datagrams() throws Exception {
    try (DatagramSocket server = new DatagramSocket(0, InetAddress.getByName("127.0.0.1"));
        DatagramSocket client = new DatagramSocket()) {
      client.connect(server.getLocalSocketAddress());
      client.send(new DatagramPacket("asked!".getBytes(), 6));
      DatagramPacket packet = new DatagramPacket(new byte[6], 6);
      server.receive(packet);
      server.send(new DatagramPacket("served".getBytes(), 6, packet.getSocketAddress()));
      client.receive(packet);
      System.out.println("udp " + new String(packet.getData()));
    }
  }
}
