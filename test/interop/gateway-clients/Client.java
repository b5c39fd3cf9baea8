// A client in Java that talks to a server through a gateway: Client BASE. Prints a line for each way.
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.URL;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.Arrays;

public class Client {
    public static void main(String[] args) throws Exception {
        String base = args[0];
        byte[] body = new byte[3_000_000];
        for (HttpClient.Version version : HttpClient.Version.values()) {
            HttpClient client = HttpClient.newBuilder().version(version).build();
            String headers = client.send(HttpRequest.newBuilder(URI.create(base + "/headers")).build(), BodyHandlers.ofString()).body();
            HttpRequest post = HttpRequest.newBuilder(URI.create(base + "/echo")).POST(HttpRequest.BodyPublishers.ofByteArray(body)).build();
            byte[] echoed = client.send(post, BodyHandlers.ofByteArray()).body();
            System.out.println("Java " + version + " " + headers.contains("Bearer *") + " " + Arrays.equals(body, echoed));
        }
        HttpURLConnection connection = (HttpURLConnection) new URL(base + "/headers").openConnection();
        try (InputStream in = connection.getInputStream()) {
            System.out.println("Java URLConnection " + new String(in.readAllBytes()).contains("Bearer *"));
        }
    }
}
