// Fetches a page by the JDK's HttpClient, which uses non-blocking connections of java.nio. A failure is exit status 1.
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;

public class Client {
  public static void main(String[] args) throws Exception {
    HttpRequest request = HttpRequest.newBuilder(URI.create(args[0])).build();
    System.out.print(HttpClient.newHttpClient().send(request, BodyHandlers.ofString()).body());
  }
}
