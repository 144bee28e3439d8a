// Does nothing: that the browser starts it says that it knows the server's certificate (see page.js).
